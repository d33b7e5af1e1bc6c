"""StepLog: the figures of updates, kept on the device and read back in groups."""

from __future__ import annotations

import time

import torch
from torch import Tensor

from trm_engine.runs.schema.events import StepColumns
from trm_engine.training.device import memory_in_use


def significant(value: float) -> float:
    """The number to 7 digits, the precision of a float32, which takes half the text."""
    return float(f"{value:.7g}")


class StepLog:
    """Collects updates until ``take`` reads them back. Only ``take`` waits for the device."""

    def __init__(self, elapsed: float = 0.0) -> None:
        self._elapsed_before = elapsed
        self._began = time.perf_counter()
        self._taken = self._began
        self._rows: list[dict[str, float]] = []
        self._losses: tuple[str, ...] = ()
        self._figures: list[Tensor] = []

    @property
    def elapsed(self) -> float:
        """Seconds of training so far, earlier starts of the run included."""
        return self._elapsed_before + time.perf_counter() - self._began

    def add(
        self,
        row: dict[str, float],
        losses: dict[str, Tensor],
        by_step: list[Tensor],
        grad_norm: Tensor,
    ) -> None:
        """Note one update: host figures, mean losses, total loss of each supervision step.

        The losses are the same ones in every update.
        """
        self._losses = tuple(losses)
        self._figures.append(torch.stack([grad_norm, *losses.values(), *by_step]).detach())
        self._rows.append({**row, "time": round(self.elapsed, 3)})

    def take(self) -> StepColumns | None:
        """The updates since the last call; None if there was none."""
        if not self._rows:
            return None
        sizes = [len(row) for row in self._figures]  # updates may differ in supervision steps
        device = self._figures[0].device
        read = torch.cat(self._figures).cpu().split(sizes)
        figures = [[significant(each) for each in row.tolist()] for row in read]
        now = time.perf_counter()
        seconds, self._taken = max(now - self._taken, 1e-9), now
        columns: dict[str, list[int | float | None]] = {
            name: [row[name] for row in self._rows] for name in self._rows[0]
        }
        columns["grad_norm"] = [row[0] for row in figures]
        for place, name in enumerate(self._losses, 1):
            columns[name] = [row[place] for row in figures]
        for name in ("samples", "tokens"):
            rate = round(sum(row[name] for row in self._rows) / seconds, 1)
            columns[f"{name}_per_s"] = [rate] * len(figures)
        columns["memory"] = [memory_in_use(device)] * len(figures)
        by_step: list[list[float | None]] = [[*row[1 + len(self._losses) :]] for row in figures]
        self._rows, self._figures = [], []
        return StepColumns(columns=columns, by_step=by_step)

    def restart_clock(self) -> None:
        """Leave the time since the last ``take`` (a pause, an evaluation) out of the rates."""
        self._taken = time.perf_counter()
