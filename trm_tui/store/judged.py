"""JudgedSamples: the samples of an evaluation as columns, for fast filtering and sorting."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trm_engine.runs.schema.evaluation import JudgedSample
from trm_tui.store.growing import Array, Points

Flags = NDArray[np.bool_]
View = NDArray[np.intp]
"""Indices of samples in display order."""

PARTS = ("decision", "tool", "slot presence", "slot value", "arguments")
"""The parts of an answer that can be wrong."""

WRONG, RIGHT, ALL = "wrong", "right", "all"
ANSWER = "answer"
"""Decision, tool or arguments are wrong: what ``confidence`` is about."""

OF_ANSWER = ("decision", "tool", "arguments")
ONLY_THIS, ONLY_OTHER = "only this right", "only other right"
KINDS = (WRONG, ANSWER, *PARTS, RIGHT, ALL)
COMPARED = (ONLY_THIS, ONLY_OTHER)

LOSS, CONFIDENT, UNSURE, FILE = "loss", "confident", "unsure", "file"
ORDERS = (LOSS, CONFIDENT, UNSURE, FILE)
"""Highest loss first, highest confidence first, lowest confidence first, file order."""

CALL = "tool_call"
UNKNOWN_PART = 1 << len(PARTS)


class Judged(NamedTuple):
    """One sample.

    ``truth`` and ``predicted`` are names of tools: None for a direct answer, "" for a call without
    a known tool. ``confidence`` is the probability of the model's own answer.
    """

    line: int
    text: str
    truth: str | None
    predicted: str | None
    confidence: float
    loss: float
    wrong: tuple[str, ...]


class JudgedSamples:
    """The samples of an evaluation, in the order of judging."""

    def __init__(self) -> None:
        self._samples: list[Judged] = []
        self._haystacks: list[str] = []
        self._lines, self._losses, self._confidences = Points(), Points(), Points()
        self._wrong = Points()
        self._other: JudgedSamples | None = None
        self.tools: set[str] = set()
        """The names of all true and predicted tools."""

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: int) -> Judged:
        return self._samples[index]

    def add(self, samples: Iterable[JudgedSample]) -> None:
        """Add samples, in any order."""
        new = [_judged(sample) for sample in samples]
        self._samples += new
        self._haystacks += [_haystack(each) for each in new]
        self._lines.extend([each.line for each in new])
        self._losses.extend([each.loss for each in new])
        self._confidences.extend([each.confidence for each in new])
        self._wrong.extend([_bits(each.wrong) for each in new])
        self.tools.update(name for each in new for name in (each.truth, each.predicted) if name)

    def compare(self, other: JudgedSamples | None) -> None:
        """Compare with another model's samples of the same file, matched by line."""
        self._other = other

    @property
    def is_compared(self) -> bool:
        """Whether there is another model to compare with."""
        return self._other is not None

    @property
    def kinds(self) -> tuple[str, ...]:
        """The available kinds of samples."""
        return KINDS + COMPARED if self.is_compared else KINDS

    def counts(self) -> dict[str, int]:
        """The number of samples of each kind."""
        return {kind: int(self._of(kind).sum()) for kind in self.kinds}

    def view(self, kind: str = WRONG, order: str = LOSS, words: str = "") -> View:
        """The samples of a kind with ``words`` (any case) in text or tools, sorted.

        Raises:
            KeyError: the kind or order is unknown.
        """
        kept = np.flatnonzero(self._of(kind))
        if words:
            needle = words.casefold()
            haystacks = self._haystacks
            found = [needle in haystacks[index] for index in kept.tolist()]
            kept = kept[np.array(found, bool)]
        return kept[np.lexsort((self._lines.values[kept], self._keys(order)[kept]))]

    def lines(self, view: View) -> list[int]:
        """The line numbers of samples in the file, from 1."""
        lines: list[int] = self._lines.values[view].astype(int).tolist()
        return lines

    def last_line(self, view: View) -> int:
        """The highest of these line numbers; 0 if there are none."""
        return int(self._lines.values[view].max(initial=0))

    def place_of(self, line: int, view: View) -> int | None:
        """Where a line is among samples; None if it is not."""
        found = np.flatnonzero(self._lines.values[view] == line)
        return int(found[0]) if len(found) else None

    def _of(self, kind: str) -> Flags:
        """Mask of the samples of a kind, [N]."""
        wrong = self._wrong.values.astype(np.int64)
        flags: Flags
        if kind in PARTS:
            flags = (wrong & 1 << PARTS.index(kind)) != 0
        elif kind == ANSWER:
            flags = (wrong & _bits(OF_ANSWER)) != 0
        elif kind in COMPARED:
            only_this = kind == ONLY_THIS
            flags = ((wrong == 0) == only_this) & (self._right_in_other() == (not only_this))
        else:
            flags = {WRONG: wrong != 0, RIGHT: wrong == 0, ALL: np.ones(len(wrong), bool)}[kind]
        return flags

    def _right_in_other(self) -> Array:
        """1 if the other model is right, 0 if it is wrong, NaN if it has no such sample."""
        right = np.full(len(self), np.nan)
        if self._other is None or not len(self._other):
            return right
        lines = self._other._lines.values
        order = np.argsort(lines)
        places = np.searchsorted(lines, self._lines.values, sorter=order)
        found = order[np.minimum(places, len(lines) - 1)]
        known = lines[found] == self._lines.values
        right[known] = self._other._wrong.values[found[known]] == 0
        return right

    def _keys(self, order: str) -> Array:
        """Ascending sort keys [N]. A NaN loss counts as the highest."""
        losses = self._losses.values
        return {
            LOSS: -np.where(np.isnan(losses), np.inf, losses),
            CONFIDENT: -self._confidences.values,
            UNSURE: self._confidences.values,
            FILE: self._lines.values,
        }[order]


def _judged(sample: JudgedSample) -> Judged:
    calls, is_called = sample.decision == CALL, sample.predicted_decision == CALL
    return Judged(
        sample.line,
        sample.text,
        (sample.tool or "") if calls else None,
        (sample.predicted_tool or "") if is_called else None,
        sample.confidence,
        np.nan if sample.loss is None else sample.loss,
        tuple(sample.wrong),
    )


def _haystack(sample: Judged) -> str:
    return "\n".join((sample.text, sample.truth or "", sample.predicted or "")).casefold()


def _bits(wrong: Iterable[str]) -> int:
    """One bit for each wrong part."""
    return sum(1 << PARTS.index(part) if part in PARTS else UNKNOWN_PART for part in set(wrong))
