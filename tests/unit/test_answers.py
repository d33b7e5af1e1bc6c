"""Answers: those of one or two models, the selected step, the halting threshold."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.predicted import prediction, said, step
from trm_engine.runs.schema.answers import Answer, Call
from trm_tui.store.answers import Answers
from trm_tui.store.draft import Draft, DraftTurn

DRAFT = Draft((DraftTurn("user", "hi"),))


def answer(*qs: float, **more: Any) -> Answer:
    steps = [step("find" if q > 0.5 else None, q=q, number=n) for n, q in enumerate(qs, 1)]
    return prediction(None, steps, **more)


def asked(**answers: Answer) -> Answers:
    known = Answers()
    known.update(DRAFT, answers)
    return known


def test_before_any_answer_there_is_nothing() -> None:
    known = Answers()
    known.move_step(1)
    assert known.step == 0
    assert known.answer("ema") is None
    assert known.prediction("ema") is None
    assert known.warning("ema") == ""


def test_answers_are_known_by_model_with_their_draft() -> None:
    given_answer = answer(0.2, 0.9)
    known = asked(ema=given_answer)
    assert known.draft == DRAFT
    assert known.answer("ema") is given_answer
    assert known.answer("raw") is None


def test_forgotten_answers_are_gone() -> None:
    known = asked(ema=answer(0.2))
    known.clear()
    assert (known.answer("ema"), known.draft) == (None, Draft())


def test_the_last_step_is_looked_at_until_another_is_chosen() -> None:
    known = asked(ema=answer(0.1, 0.2, 0.3))
    assert known.step == 2
    known.move_step(-1)
    known.update(DRAFT, {"ema": answer(0.1, 0.2, 0.3, 0.4)})
    assert known.step == 1
    known.move_step(2)
    known.update(DRAFT, {"ema": answer(0.1, 0.2, 0.3, 0.4, 0.5, 0.6)})
    assert known.step == 5


def test_a_chosen_step_that_an_answer_lacks_comes_back_with_the_next_one() -> None:
    known = asked(ema=answer(0.1, 0.2, 0.3, 0.4))
    known.move_step(-1)
    known.update(DRAFT, {"ema": answer(0.1, 0.2)})
    assert known.step == 1
    known.update(DRAFT, {"ema": answer(0.1, 0.2, 0.3, 0.4)})
    assert known.step == 2


def test_two_models_are_looked_at_at_steps_that_both_have() -> None:
    known = asked(ema=answer(0.1, 0.9, 0.9), raw=answer(0.1, 0.2))
    assert known.step == 1
    assert known.prediction("ema") == said(Call("find", {}), q=0.9, number=2)
    assert known.prediction("raw") == said(None, q=0.2, number=2)


@given(st.integers(1, 6), st.lists(st.integers(-8, 8), max_size=8))
def test_a_step_always_exists(count: int, moves: list[int]) -> None:
    known = asked(ema=answer(*[0.5] * count))
    at = count - 1
    for move in moves:
        known.move_step(move)
        at = min(max(at + move, 0), count - 1)
        assert known.step == at


def test_a_moved_threshold_decides_where_it_halts() -> None:
    known = asked(ema=answer(0.2, 0.85, 0.95, halt_threshold=0.9, halts_at=3))
    known.move_threshold(-0.05)
    moved = known.answer("ema")
    assert moved and (moved.halt_threshold, moved.halts_at) == (0.85, 2)
    known.move_threshold(0.15)
    moved = known.answer("ema")
    assert moved and (moved.halt_threshold, moved.halts_at) == (1.0, None)


def test_a_moved_threshold_stays_for_the_next_answers_and_all_models() -> None:
    known = asked(ema=answer(0.2, halt_threshold=0.9))
    known.move_threshold(-0.8)
    known.update(DRAFT, {"ema": answer(0.2), "raw": answer(0.05, 0.1)})
    halts = [known.answer(model) for model in ("ema", "raw")]
    assert [each and each.halts_at for each in halts] == [1, 2]


@given(st.lists(st.sampled_from([-0.3, -0.05, 0.05, 0.3]), max_size=30))
def test_a_threshold_is_a_share(changes: list[float]) -> None:
    known = asked(ema=answer(0.5))
    for change in changes:
        known.move_threshold(change)
        moved = known.answer("ema")
        assert moved and 0 <= moved.halt_threshold <= 1
        assert (moved.halts_at == 1) == (moved.halt_threshold <= 0.5)


@pytest.mark.parametrize("names", [[], ["a"], ["a", "b c"]])
def test_new_tools_are_named(names: list[str]) -> None:
    known = asked(ema=answer(0.5, new_tools=names))
    words = known.warning("ema")
    assert all(name in words for name in names)
    assert bool(words) == bool(names)
