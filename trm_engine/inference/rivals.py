"""Rivals: arguments of one call that were read off the same words.

Each argument is decoded by itself. Where two have the same words, one of them is usually wrong: the
director also became the actor, or the day of the return also became that of the departure. The
likeliest reading in which they differ is taken, unless it is far less likely than the decoded one:
some calls do use one thing twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from typing import NamedTuple

from trm_engine.inference.field_value import FieldValue
from trm_engine.runs.schema.answers import Place

MOST_COST = 3.0
"""What another reading may cost: it is at most 20 times less likely."""


class Reading(NamedTuple):
    """A value of an argument, and the words that it was read off; None if it is absent or unsaid.

    ``cost`` is by how much its log-probability is lower than that of the decoded one.
    """

    value: FieldValue
    words: Place | None
    cost: float = 0.0


Others = Callable[[], Iterable[Reading]]
"""The readings of an argument without its decoded words, best first. The last one has no words."""


def told_apart(decoded: Sequence[Reading], others: Sequence[Others]) -> list[FieldValue]:
    """The values of a call's arguments, no two of them read off the same words.

    Of two rivals, the one for which it costs less gets another value or none. Where it costs too
    much for both, they stay.

    Args:
        decoded: the arguments, each decoded by itself.
        others: for each of them, how else it can be read.
    """
    readings = list(decoded)
    for pair in combinations(range(len(readings)), 2):
        if _are_rivals(*(readings[index] for index in pair)):
            moves = [(index, _elsewhere(index, readings, others[index])) for index in pair]
            index, reading = min(moves, key=lambda move: move[1].cost)
            if reading.cost < MOST_COST:
                readings[index] = reading
    return [reading.value for reading in readings]


def _are_rivals(one: Reading, other: Reading) -> bool:
    """Whether two values begin or end at the same place.

    Two listed values may: "my checking account" can be both accounts. But a number counts one
    thing.
    """
    if one.words is None or other.words is None or one.words.turn != other.words.turn:
        return False
    if all(each.value.choice >= 0 and not each.value.text.isdigit() for each in (one, other)):
        return False
    return one.words.begin == other.words.begin or one.words.end == other.words.end


def _elsewhere(index: int, readings: Sequence[Reading], others: Others) -> Reading:
    """The best reading of an argument off words that no other argument has."""
    taken = [each.words for each in readings if each.words and each is not readings[index]]
    return next(way for way in others() if not any(_touch(way.words, words) for words in taken))


def _touch(one: Place | None, other: Place) -> bool:
    """Whether two positions have a character in common."""
    if one is None or one.turn != other.turn:
        return False
    return one.begin < other.end and other.begin < one.end
