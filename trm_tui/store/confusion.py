"""Confusion: the tool confusion matrix of an evaluation, with totals, shares and orders."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trm_engine.runs.schema.evaluation import Tools

NO_TOOL = "no tool"
UNSEEN = "unseen tools"

ORDERS = ("name", "samples", "errors")
SHARES = ("counts", "row %", "column %")

Lines = dict[tuple[str, str], list[int]]
Counts = NDArray[np.int64]
Flags = NDArray[np.bool_]
Shares = NDArray[np.float64]


@dataclass(frozen=True)
class Confusion:
    """Counts [rows, columns] of samples by true and predicted tool.

    The first ``tools`` rows and columns are the tools, in the same order. There is a last row
    UNSEEN if samples call tools that are not in the training data, and a last column NO_TOOL if
    predicted calls have no tool. ``lines`` maps (true, predicted) names to lines of the data file.
    """

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    counts: Counts
    tools: int
    lines: Lines

    @classmethod
    def of(cls, tool: Tools) -> Confusion:
        """The matrix of an evaluation."""
        labels = tool.labels
        tools = len(labels)
        counts = np.zeros((tools + 1, tools + 1), np.int64)
        counts[:tools, :tools] = np.asarray(tool.confusion, np.int64).reshape(tools, tools)
        rows, columns = [*labels, UNSEEN], [*labels, NO_TOOL]
        lines: Lines = {}
        for cell in tool.cells:
            lines[rows[cell.true], columns[cell.predicted]] = cell.lines
            if cell.true < 0 or cell.predicted < 0:
                counts[cell.true, cell.predicted] = cell.count or len(cell.lines)
        if not counts[-1].any():
            counts, rows = counts[:-1], rows[:-1]
        if not counts[:, -1].any():
            counts, columns = counts[:, :-1], columns[:-1]
        return cls(tuple(rows), tuple(columns), counts, tools, lines)

    @property
    def right(self) -> Flags:
        """The cells of right predictions, bool [rows, columns]."""
        row, column = np.indices(self.counts.shape)
        right: Flags = (row == column) & (row < self.tools)
        return right

    @property
    def row_totals(self) -> Counts:
        """Samples of each true tool, [rows]."""
        totals: Counts = self.counts.sum(axis=1)
        return totals

    @property
    def column_totals(self) -> Counts:
        """Predictions of each tool, [columns]."""
        totals: Counts = self.counts.sum(axis=0)
        return totals

    @property
    def recall(self) -> Shares:
        """The recall of each true tool [rows]; NaN without samples."""
        return _share((self.counts * self.right).sum(axis=1), self.row_totals)

    @property
    def precision(self) -> Shares:
        """The precision of each predicted tool [columns]; NaN without predictions."""
        return _share((self.counts * self.right).sum(axis=0), self.column_totals)

    def shares(self, of: str) -> Shares:
        """Counts as shares [rows, columns] of row or column; for "counts", of the largest count."""
        wholes = {
            "counts": np.full((1, 1), self.counts.max(initial=0)),
            "row %": self.row_totals[:, None],
            "column %": self.column_totals[None, :],
        }
        shares: Shares = np.nan_to_num(_share(self.counts, wholes[of]))
        return shares

    def ordered(self, by: str) -> Confusion:
        """Sort the tools by one of ORDERS. Most samples or errors come first."""
        names = np.array([name.casefold() for name in self.rows[: self.tools]], dtype=str)
        samples = self.row_totals[: self.tools]
        errors = samples - self.counts.diagonal()[: self.tools]
        last_is_first = {
            "name": (names,),
            "samples": (names, -samples),
            "errors": (names, -samples, -errors),
        }
        order = np.lexsort(last_is_first[by]).tolist()
        rows = [*order, *range(self.tools, len(self.rows))]
        columns = [*order, *range(self.tools, len(self.columns))]
        return Confusion(
            tuple(self.rows[row] for row in rows),
            tuple(self.columns[column] for column in columns),
            self.counts[np.ix_(rows, columns)],
            self.tools,
            self.lines,
        )

    def errors(self) -> list[tuple[int, int]]:
        """The (row, column) of every nonempty cell of wrong predictions, largest first."""
        wrong = np.where(self.right, 0, self.counts)
        places = np.argwhere(wrong)
        sizes = wrong[tuple(places.T)]
        return [(int(row), int(col)) for row, col in places[np.argsort(-sizes, kind="stable")]]


def _share(part: Counts, whole: Counts) -> Shares:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.divide(part, whole)
