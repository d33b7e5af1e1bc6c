"""The final messages in the terminal after a run ends or the viewer leaves it."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from trm_engine.config import Config
from trm_engine.errors import RunError
from trm_engine.printable import printable
from trm_engine.runs.best import reported_score
from trm_engine.runs.events import ENDED, EventReader
from trm_engine.runs.folder import RunFolder
from trm_engine.runs.schema.events import Evaluated, RunFailed
from trm_tui.plain.curve import loss_curve
from trm_tui.plain.tables import final_table
from trm_tui.text.ending import UNREPORTED, exit_text, how_to_resume
from trm_tui.text.words import shell_word

LOG_TAIL = 15
INTERRUPTED = 130


@dataclass(frozen=True)
class Ending:
    """How a run ended.

    ``state`` is the last state of the run, ``failure`` its ``failed`` event if any, ``exit_status``
    that of the worker. ``forced`` is whether the worker was killed or aborted, ``interrupted``
    whether the user pressed Ctrl+C.
    """

    state: str | None
    failure: RunFailed | None
    exit_status: int | None = None
    forced: bool = False
    interrupted: bool = False


class Farewell:
    """Prints the final messages about a run, and chooses the exit status."""

    def __init__(self, folder: RunFolder, config: Config, console: Console) -> None:
        self.folder = folder
        self.config = config
        self.console = console

    def conclude(self, ending: Ending) -> int:
        """Print how the run ended and where its files are. Returns the exit status.

        Raises:
            RunError: the run failed by an error that the user can fix.
        """
        has_ended = ending.state in ENDED
        if ending.forced or (ending.interrupted and not has_ended):
            self.say_how_to_resume()
            return INTERRUPTED
        if ending.state == "failed":
            return self._report_failure(ending.failure)
        if not has_ended:
            return self._report_loss(ending.exit_status)
        self._summarise()
        if ending.state == "stopped":
            self.say_how_to_resume()
        return INTERRUPTED if ending.interrupted and ending.state == "stopped" else 0

    def say_how_to_resume(self) -> None:
        """Print the command that resumes the run."""
        self._print(how_to_resume(self.folder, self.config))

    def say_it_goes_on(self) -> None:
        """Print the commands for a run that continues in the background."""
        run = shell_word(self.folder.path)
        self._print(f"Training continues in the background: {self.folder.path}")
        self._print(f"  look at it, pause it, stop it:  trm-tui watch {run}")

    def say_it_stops(self) -> None:
        """Print that the worker saves and stops because its viewer exited."""
        self._print(f"The training saves and stops: {self.folder.path}")
        self._print(f"  go on later:  trm-tui train --resume {shell_word(self.folder.path)}")

    def _report_failure(self, failure: RunFailed | None) -> int:
        message = (failure and failure.message) or "the worker gave no reason"
        if failure and failure.user_error:
            raise RunError(message)
        trace = ((failure and failure.traceback) or "").strip().splitlines()
        _complain(f"The run failed: {trace[-1] if trace else message}")
        _complain(f"The full log is in {self.folder.log}")
        return 1

    def _report_loss(self, status: int | None) -> int:
        _complain(UNREPORTED.format(exit_text(status)))
        lines: list[str] = []
        with suppress(OSError):
            lines = self.folder.log.read_text(encoding="utf-8", errors="replace").splitlines()
        where = f"The end of {self.folder.log}:" if lines else f"{self.folder.log} is empty."
        _complain(where, *lines[-LOG_TAIL:])
        self.say_how_to_resume()
        return 1

    def _summarise(self) -> None:
        from trm_tui.store.run import RunStore

        run = RunStore()
        run.take(EventReader(self.folder.events).read())
        colour = self.console.is_terminal and not self.console.no_color
        steps, losses = (run.columns[name].values.tolist() for name in ("step", "total_loss"))
        if curve := loss_curve(steps, losses, self.console.width, colour):
            self._print("")
            self.console.print(Text.from_ansi(curve), soft_wrap=True)
        if run.evaluations:
            self._print("")
            self.console.print(final_table(run.evaluations[-1], run.best))
        self._print(f"\n{self._epilogue(run.best)}")

    def _epilogue(self, evaluation: Evaluated | None) -> str:
        """The paths of the run's files, and the next commands to try."""
        best = self.folder.checkpoints(self.config) / "best.pt"
        data = shell_word(self.config.data.val_data or "DATA.jsonl")
        lines = [f"run folder       {self.folder.path}"]
        if best.exists():
            shown = shell_word(best)
            score = reported_score(evaluation) if evaluation else None
            by = f" ({score} at step {evaluation.step:,})" if evaluation and score else ""
            lines.insert(0, f"best checkpoint  {best}{by}")
            lines += ["", "Next:", f"  trm-tui eval {shown} {data}"]
            lines += [f"  trm-tui predict {shown} -", f"  trm-tui inspect {shown}"]
        return "\n".join(lines)

    def _print(self, text: str) -> None:
        self.console.print(Text(printable(text)), soft_wrap=True)


def _complain(*lines: str) -> None:
    for line in lines:
        print(line, file=sys.stderr)
