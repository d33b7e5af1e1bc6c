"""Confidence of an evaluation: how far probabilities can be trusted, and what answering costs."""

from __future__ import annotations

from msgspec import Struct

from trm_engine.runs.schema.fields import Count, Share


class Bin(Struct, frozen=True, kw_only=True):
    """The samples whose confidence lies in one interval: its mean, and the share that is right."""

    confidence: Share
    accuracy: Share
    samples: Count = 0


class Reliability(Struct, frozen=True, kw_only=True):
    """How well the probability of being right agrees with being right.

    ``ece`` is the expected calibration error over ``bins`` of equal width, those without samples
    left out; ``raw_ece`` is that of the model before calibration. ``brier`` is the mean squared
    distance of the probability from 1 if right, 0 if wrong.
    """

    ece: Share = None
    brier: Share = None
    raw_ece: Share = None
    bins: list[Bin] = []


class CoveragePoint(Struct, frozen=True, kw_only=True):
    """If only answers of at least ``threshold`` are given: the share given, and that right."""

    threshold: float
    coverage: Share
    accuracy: Share


class Coverage(Struct, frozen=True, kw_only=True):
    """Risk against coverage of whole answers: decision, tool and arguments.

    ``answered`` is the largest share of samples that is answered at the ``target`` accuracy, with
    ``threshold`` as the least confidence; 0 and None if no threshold reaches it. ``accuracy`` is
    that of all answers. ``curve`` runs from the surest answer to all of them.
    """

    target: float = 0.99
    threshold: float | None = None
    answered: Share = None
    accuracy: Share = None
    curve: list[CoveragePoint] = []
