"""How a worker ended, and the command that goes on."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from trm_tui.text.words import shell_word

if TYPE_CHECKING:
    from trm_engine.config import Config
    from trm_engine.runs.folder import RunFolder

UNREPORTED = "The worker exited without reporting ({})."


def exit_text(status: int | None) -> str:
    """The exit status of a worker in words; None for a worker of another viewer."""
    if status is None:
        return "it was started elsewhere"
    if status < 0:
        return f"killed by {signal.Signals(-status).name}"
    return f"exit status {status}"


def how_to_resume(folder: RunFolder, config: Config) -> str:
    """The command that resumes a run, or starts it again if it has no checkpoint."""
    run = shell_word(folder.path)
    if any(folder.checkpoints(config).glob("*.pt")):
        return f"Resume from the last checkpoint: trm-tui train --resume {run}"
    return f"Nothing was saved yet; start again: trm-tui train {run}/config.yaml"
