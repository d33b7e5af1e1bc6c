"""Answers of a worker to requests about a model file."""

from __future__ import annotations

from msgspec import Struct

from trm_engine.runs.schema.evaluation import Evaluation, Halting


class FileEvaluation(Struct, frozen=True, kw_only=True):
    """The answer to ``evaluate``, which took ``seconds``.

    ``data`` is the file that the line numbers of judged samples refer to. ``halting_curve`` is in
    order of rising thresholds. ``cheapest_halting`` is its lowest threshold with almost the same
    accuracy, None if there is none.
    """

    metrics: Evaluation
    halting_curve: list[Halting]
    cheapest_halting: Halting | None
    data: str
    seconds: float
