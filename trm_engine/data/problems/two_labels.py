"""Two labels: samples with the same history and tools, but different answers."""

from __future__ import annotations

import hashlib
from array import array
from typing import Any

import numpy as np

from trm_engine.data.problems.kind import Found, Kind, Table
from trm_engine.data.samples import Sample
from trm_engine.data.values import is_empty, meaning

KIND = Kind(
    name="two-labels",
    title="Same conversation, different labels",
    explanation=(
        "The same conversation with the same tools stands in the file with different labels. "
        "No model can learn both, and each teaches the contrary of the other."
    ),
    repair="Keep the label that is right, and leave out or correct the others.",
    cost="high",
)
PARTS = ("decision or tool", "arguments", "slots")


class TwoLabels:
    """Compares hashes of history and label: the text of an answer is no label."""

    kind = KIND

    def __init__(self) -> None:
        self._histories = array("Q")
        self._labels = [array("Q") for _ in PARTS]

    def add(self, row: int, sample: Sample) -> None:
        """Note the hashes of one sample."""
        texts = (text for turn in sample.history for text in (turn.role, turn.text()))
        self._histories.append(_hash("\0".join((*sorted(sample.tool_names), "\1", *texts))))
        call = sample.tool
        arguments = _texts(call.arguments) if call else ""
        label = (f"{sample.decision} {call.name if call else ''}", arguments, _texts(sample.slots))
        for hashes, part in zip(self._labels, label, strict=True):
            hashes.append(_hash(part))

    def found(self) -> Table:
        """All samples of histories that have several labels."""
        histories = np.array(self._histories, np.uint64)
        labels = [np.array(each, np.uint64) for each in self._labels]
        order = np.argsort(histories, kind="stable")
        _, starts, sizes = np.unique(histories[order], return_index=True, return_counts=True)
        found = Found()
        for begin, size in zip(starts[sizes > 1], sizes[sizes > 1], strict=True):
            _compare(order[begin : begin + size], labels, found)
        return found.table()


def _compare(rows: np.ndarray, labels: list[np.ndarray], found: Found) -> None:
    """Note all samples of one history, each with the first that differs from it."""
    for name, part in zip(PARTS, labels, strict=True):
        codes = part[rows]
        if (codes == codes[0]).all():
            continue
        for row, code in zip(rows.tolist(), codes, strict=True):
            other = int(rows[np.flatnonzero(codes != code)[0]])
            found.add(row, f"different {name}", other)
        return  # the others follow from it


def _texts(values: dict[str, Any]) -> str:
    """The meanings of the filled values, in any order."""
    filled = ((name, value) for name, value in values.items() if not is_empty(value))
    return "\0".join(sorted(f"{name}\1{meaning(value)!r}" for name, value in filled))


def _hash(text: str) -> int:
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")
