"""What leaving out each turn of a conversation does to the answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Left:
    """The answer without one turn, ``place`` in the draft, beside the answer to all of it.

    ``change`` is how much likelier a call becomes; ``changes`` says in words what else is another:
    the decision, the tool, values of slots.
    """

    place: int
    probability: float
    change: float
    tool: str | None
    tool_probability: float
    changes: tuple[str, ...]


class Occlusion:
    """Answers without one turn each, as they come; ``places`` are the turns' in the draft."""

    def __init__(self, places: Sequence[int]) -> None:
        self.base: Record | None = None
        self.left: list[Left] = []
        self._places = places

    def add(self, answers: Iterable[Record]) -> None:
        """More answers of the worker; the one to the whole conversation comes first."""
        for answer in answers:
            if answer["turn"] is None:
                self.base = answer
            elif self.base is not None:
                self.left.append(_compared(self._places[answer["turn"]], answer, self.base))

    def notes(self) -> dict[int, str]:
        """By turn: what its absence does, in a few words."""
        return {each.place: in_words(each) for each in self.left}


def in_words(left: Left) -> str:
    """What the absence of a turn does: the change of P(call), and what else changes."""
    return ", ".join((f"without it P(call) {left.change:+.3f}", *left.changes))


def _compared(place: int, answer: Record, base: Record) -> Left:
    return Left(
        place,
        answer["decision_probability"],
        answer["decision_probability"] - base["decision_probability"],
        answer["tool"],
        answer["tool_probability"],
        tuple(_changes(answer, base)),
    )


def _changes(answer: Record, base: Record) -> Iterable[str]:
    now, before = answer["prediction"], base["prediction"]
    if now["decision"] != before["decision"]:
        yield "calls" if now["decision"] == "tool_call" else "answers"
    if answer["tool"] != base["tool"]:
        yield f"tool {answer['tool']}"
    for name, value in now["slots"].items():
        if value != before["slots"].get(name):
            yield f"{name} {value or 'gone'}"
