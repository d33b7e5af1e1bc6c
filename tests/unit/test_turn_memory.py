"""What is kept of conversations: found again as it was computed, and never more than fits."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from trm_engine.inference.turn_memory import SPARE, TurnMemory, turns_of

KINDS, WIDTH = 2, 3
TURN = st.lists(st.integers(1, 2), min_size=1, max_size=3)
"""Few tokens, so that conversations begin alike."""


def flat(said: list[list[int]]) -> list[int]:
    return [token for turn in said for token in turn]


def tokens_of(said: list[list[int]]) -> np.ndarray:
    """Ids and turns of a conversation, [2, L]."""
    turns = [number for number, turn in enumerate(said) for _ in turn]
    return np.array([flat(said), turns])


def states_of(said: list[list[int]]) -> np.ndarray:
    """What would be computed, [KINDS, L, WIDTH]: it depends on all that was said before."""
    tokens = np.array(flat(said))
    sums = np.cumsum(tokens * np.arange(1, 1 + len(tokens)))
    return np.broadcast_to(sums[None, :, None], (KINDS, len(sums), WIDTH)).astype(np.float32)


def ask(memory: TurnMemory, said: list[list[int]], steps: int = 1) -> int:
    """Ask about a conversation, as the model does. Returns the number of tokens that were known."""
    turns, states = turns_of(tokens_of(said)), states_of(said)
    known = memory.recall(turns, steps)
    begin = 0 if known is None else known.shape[2]
    if known is not None:
        assert known.shape == (steps, KINDS, begin, WIDTH)
        assert (known == states[:, :begin]).all()
    memory.keep(turns, known, [[*states[:, begin:]]] * steps)
    if known is not None:
        assert (known == states[:, :begin]).all()
    return begin


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.lists(TURN, min_size=1, max_size=5), st.integers(1, 2)), min_size=1, max_size=9
    ),
    st.sampled_from([0, 2 * SPARE * KINDS * WIDTH * 4, 1 << 20]),
)
def test_what_is_recalled_is_what_was_kept(
    asked: list[tuple[list[list[int]], int]], most_bytes: int
) -> None:
    memory = TurnMemory(most_bytes)
    for said, steps in asked:
        for turns in range(1, 1 + len(said)):
            ask(memory, said[:turns], steps)
            assert memory.bytes <= most_bytes


def test_a_conversation_that_goes_on_is_known_up_to_its_new_turn() -> None:
    memory, said = TurnMemory(), [[1] * 20 for _ in range(12)]
    assert [ask(memory, said[:turns]) for turns in (1, 2, 3, 12)] == [0, 20, 40, 60]
    assert ask(memory, said) == 220  # asked again: the last turn is computed
    assert ask(memory, [*said[:2], [2]]) == 40  # another conversation with the same beginning
    assert ask(memory, [*said, [2]]) == 240


def test_the_arrays_of_a_conversation_do_not_pile_up_as_it_grows() -> None:
    memory = TurnMemory()
    for turns in range(1, 30):
        ask(memory, [[1] * 10] * turns)
    assert memory.bytes <= (290 + SPARE) * KINDS * WIDTH * 4


def test_more_steps_than_are_kept_are_computed_anew() -> None:
    memory, said = TurnMemory(), [[1], [2], [1]]
    assert ask(memory, said[:2], 1) == 0
    assert ask(memory, said, 2) == 0
    assert ask(memory, [*said, [1]], 2) == 3
