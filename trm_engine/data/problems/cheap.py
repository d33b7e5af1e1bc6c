"""Cheap: the problems that training counts while it reads its data, at almost no cost."""

from __future__ import annotations

import numpy as np

from trm_engine.data.problems.kind import Detector
from trm_engine.data.problems.schema import Schema
from trm_engine.data.problems.tools import NeverCalled, NotOffered
from trm_engine.data.problems.two_labels import TwoLabels
from trm_engine.data.samples import Sample
from trm_engine.vocabulary import NOWHERE


class CheapProblems:
    """Looks for some kinds of problems while samples pass."""

    def __init__(self) -> None:
        self._detectors: list[Detector] = [TwoLabels(), Schema(), NeverCalled(), NotOffered()]
        self._row = 0

    def add(self, sample: Sample) -> None:
        """Look at the next sample."""
        for detector in self._detectors:
            detector.add(self._row, sample)
        self._row += 1

    def counts(self) -> dict[str, int]:
        """Samples by name of the kind. Kinds that were not found are left out."""
        tables = {detector.kind.name: detector.found() for detector in self._detectors}
        return {name: table.samples for name, table in tables.items() if table.samples}


def samples_with_values_nowhere(
    presence: np.ndarray, is_span: np.ndarray, spans: np.ndarray, borders: np.ndarray
) -> np.ndarray:
    """Whether a sample has a value that was not found in its text, [N].

    ``presence`` [N, F]: 1 for a filled field. ``is_span`` [F]: fields that are read off the text.
    ``spans`` [M, 3]: found values, by field. ``borders`` [N, 2]: the part of ``spans`` of a sample.
    """
    missing = (presence == 1) & is_span
    rows = np.repeat(np.arange(len(presence)), borders[:, 1] - borders[:, 0])
    stands = spans[:, 1] != NOWHERE
    missing[rows[stands], spans[stands, 0]] = False
    found: np.ndarray = missing.any(axis=1)
    return found
