"""Answers: what a worker says about a model's file when it is asked."""

from __future__ import annotations

from msgspec import Struct

from trm_engine.runs.schema.evaluation import Evaluation, Halting


class FileEvaluation(Struct, frozen=True, kw_only=True):
    """The answer to ``evaluate``. ``data`` is the file whose lines the judged samples name.

    ``halting_curve`` is by rising threshold; ``cheapest_halting`` is its lowest threshold that
    costs next to nothing, None if there is none. It took ``seconds``.
    """

    metrics: Evaluation
    halting_curve: list[Halting]
    cheapest_halting: Halting | None
    data: str
    seconds: float
