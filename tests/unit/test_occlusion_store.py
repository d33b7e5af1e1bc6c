"""Occlusion: answers without one turn each beside the answer to all of them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.predicted import without
from trm_tui.store.occlusion import Occlusion, in_words


def answer(turn: int | None, chance: float, tool: str | None = "find", **slots: str) -> Any:
    return without(turn, chance, tool, 0.75, **slots)


def compared(base: Any, *others: Any, places: Any = (0, 2, 5)) -> Occlusion:
    occlusion = Occlusion(places)
    occlusion.add([base, *others])
    return occlusion


def test_nothing_is_known_at_first() -> None:
    occlusion = Occlusion([0])
    assert (occlusion.base, occlusion.results, occlusion.notes()) == (None, [], {})


def test_a_turn_is_known_by_its_place_in_the_draft() -> None:
    occlusion = compared(answer(None, 0.9), answer(1, 0.6, "book"))
    result = occlusion.results[0]
    assert (result.place, result.tool, result.tool_probability) == (2, "book", 0.75)
    assert result.probability == 0.6
    assert result.change == pytest.approx(-0.3)


def test_answers_that_come_in_parts_are_compared_with_the_first() -> None:
    occlusion = compared(answer(None, 0.9))
    assert occlusion.base == answer(None, 0.9) and not occlusion.results
    occlusion.add([answer(0, 0.8)])
    occlusion.add([answer(1, 0.7), answer(2, 0.95)])
    assert [result.place for result in occlusion.results] == [0, 2, 5]
    assert [result.change for result in occlusion.results] == pytest.approx([-0.1, -0.2, 0.05])


@pytest.mark.parametrize(
    ("base", "other", "changes"),
    [
        (answer(None, 0.9), answer(0, 0.8), ()),
        (answer(None, 0.9), answer(0, 0.2), ("answers",)),
        (answer(None, 0.2), answer(0, 0.9), ("calls",)),
        (answer(None, 0.9), answer(0, 0.9, "book"), ("tool book",)),
        (answer(None, 0.9, city="Rome"), answer(0, 0.9, city="Paris"), ("city Paris",)),
        (answer(None, 0.9, city="Rome"), answer(0, 0.9, city=""), ("city empty",)),
        (
            answer(None, 0.9, city="", day="May 8"),
            answer(0, 0.2, "book", city="Rome", day="May 8"),
            ("answers", "tool book", "city Rome"),
        ),
    ],
)
def test_what_changes_is_said(base: Any, other: Any, changes: tuple[str, ...]) -> None:
    assert compared(base, other).results[0].changes == changes


def test_notes_are_in_words_by_place() -> None:
    occlusion = compared(answer(None, 0.9), answer(0, 0.95), answer(2, 0.25, "book"))
    assert occlusion.notes() == {
        0: "without it P(call) +0.050",
        5: "without it P(call) -0.650, answers, tool book",
    }
    assert in_words(occlusion.results[0]) == occlusion.notes()[0]
