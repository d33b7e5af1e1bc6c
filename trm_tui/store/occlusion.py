"""Occlusion: how the answer changes when one turn is removed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from trm_engine.runs.schema.answers import OccludedPrediction, ToolWord


@dataclass(frozen=True)
class WithoutTurn:
    """The answer without one turn, compared with the answer to the whole conversation.

    ``place`` is the turn's index in the draft. ``change`` is the difference in P(call). ``changes``
    describes the other differences: decision, tool, slot values.
    """

    place: int
    probability: float
    change: float
    tool: str | None
    tool_probability: float
    changes: tuple[str, ...]


class Occlusion:
    """Collects the answers without one turn; ``places`` are the turns' indices in the draft."""

    def __init__(self, places: Sequence[int]) -> None:
        self.base: OccludedPrediction | None = None
        self.results: list[WithoutTurn] = []
        self.words: list[ToolWord] = []
        self._places = places

    def add(self, answers: Iterable[OccludedPrediction | ToolWord]) -> None:
        """Add answers of the worker, the first of them to the whole conversation, or words."""
        for answer in answers:
            if isinstance(answer, ToolWord):
                self.words.append(answer)
            elif answer.turn is None:
                self.base = answer
            elif self.base is not None:
                self.results.append(_compared(self._places[answer.turn], answer, self.base))

    def notes(self) -> dict[int, str]:
        """A note about each removed turn, by its index in the draft."""
        return {each.place: in_words(each) for each in self.results}


def in_words(result: WithoutTurn) -> str:
    """Describe the effect of removing a turn."""
    return ", ".join((f"without it P(call) {result.change:+.3f}", *result.changes))


def _compared(place: int, answer: OccludedPrediction, base: OccludedPrediction) -> WithoutTurn:
    return WithoutTurn(
        place,
        answer.prediction.decision_probability,
        answer.prediction.decision_probability - base.prediction.decision_probability,
        answer.tool,
        answer.tool_probability,
        tuple(_changes(answer, base)),
    )


def _changes(answer: OccludedPrediction, base: OccludedPrediction) -> Iterable[str]:
    now, before = answer.prediction, base.prediction
    if now.decision != before.decision:
        yield "calls" if now.decision == "tool_call" else "answers"
    if answer.tool != base.tool:
        yield f"tool {answer.tool}"
    for name, value in now.slots.items():
        if value != before.slots.get(name):
            yield f"{name} {value or 'empty'}"
