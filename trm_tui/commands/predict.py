"""`trm-tui predict`: predict the next action for each line of a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trm_engine.runs import launch
from trm_engine.runs.folder import find_checkpoint
from trm_tui.commands.evaluate import worker_options


def predict(checkpoint: Path, file: str, options: dict[str, Any], raw: bool) -> int:
    """Run a worker that prints its predictions. Returns the exit status.

    Raises:
        UserError: there is no such checkpoint.
    """
    path = str(find_checkpoint(checkpoint))
    given = [*worker_options(options, raw), "--", path, file]
    worker = launch.start_inference("predict", *given, stdout=None)
    try:
        status = worker.wait()
    except KeyboardInterrupt:
        worker.wait()
        raise
    return 128 - status if status < 0 else status
