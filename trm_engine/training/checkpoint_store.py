"""Checkpoint store: the names of a run's checkpoints, how they are written, which ones are kept."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from trm_engine.checkpoints.file import save_atomically
from trm_engine.runs.schema.events import CheckpointSaved
from trm_engine.training.run_control import Report

Kind = Literal["step", "epoch", "last", "best", "final"]


@dataclass(frozen=True)
class Moment:
    """When a checkpoint was saved: after how many updates, and after how many epochs."""

    step: int
    epoch: float


class CheckpointStore:
    """The checkpoints of one run.

    Args:
        folder: holds them; it is made if it is missing, but not the folder it is in.
        keep: how many of the newest ``step_*.pt`` and ``epoch_*.pt`` are kept; 0 keeps all.
        report: receives an event for each file written.
        on_failure: called with the path and the error when a file cannot be written. Writing is
            tried again when it returns.
    """

    def __init__(
        self,
        folder: Path,
        keep: int,
        report: Report,
        on_failure: Callable[[Path, OSError], None],
    ) -> None:
        self.folder = folder
        self._keep = keep
        self._report = report
        self._on_failure = on_failure

    def path(self, kind: Kind, number: int | None = None) -> Path:
        """Where a checkpoint is, such as ``best.pt`` or ``step_1000.pt``."""
        return self.folder / (f"{kind}.pt" if number is None else f"{kind}_{number}.pt")

    def save(self, state: Any, kind: Kind, moment: Moment, number: int | None = None) -> None:
        """Write a checkpoint, and delete older ones of its kind beyond those to keep."""
        self.write(state, self.path(kind, number), kind, moment)
        if number is not None and self._keep:
            self._delete_before(kind, number)

    def write(self, state: Any, path: Path, kind: Kind, moment: Moment) -> None:
        """Write a file, if need be again and again, and report it."""
        while True:
            try:
                self.write_once(state, path, kind, moment)
            except OSError as error:
                self._on_failure(path, error)
            else:
                return

    def write_once(self, state: Any, path: Path, kind: Kind, moment: Moment) -> None:
        """Write a file and report it. The events of all that it has seen go to the disk first.

        Raises:
            OSError: it cannot be written; what was there before is whole.
            RunError: the run's folder is gone.
        """
        self._report.sync()
        self.folder.mkdir(exist_ok=True)
        self.report_saved(path, kind, moment, save_atomically(state, path))

    def report_saved(self, path: Path, kind: str, moment: Moment, size: int) -> None:
        """Report a file of ``size`` bytes."""
        saved = CheckpointSaved(
            step=moment.step, epoch=moment.epoch, path=str(path), kind=kind, bytes=size
        )
        self._report(saved)

    def _delete_before(self, kind: Kind, newest: int) -> None:
        """Delete the checkpoints numbered up to ``newest`` beyond those to keep.

        Higher numbers are of an earlier start of the run. They are overwritten in time. A file that
        cannot be deleted stays.
        """
        numbers = [number_of(path) for path in self.folder.glob(f"{kind}_*.pt")]
        older = sorted(number for number in numbers if number is not None and number <= newest)
        for number in older[: -self._keep]:
            with suppress(OSError):
                self.path(kind, number).unlink()


def number_of(checkpoint: Path) -> int | None:
    """The number in the name of a numbered checkpoint; None for other names, such as step_007."""
    kind, _, digits = checkpoint.stem.partition("_")
    is_number = digits.isdecimal() and checkpoint.name == f"{kind}_{int(digits)}.pt"
    return int(digits) if is_number else None
