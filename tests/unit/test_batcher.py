"""The batcher: every question gets its answer, in batches, whatever happens to others."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future

import pytest

from trm_engine.inference.batcher import Batcher

SECONDS = 30


class Held:
    """Doubles numbers, and notes its batches. The first batch waits until it is let go."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.begun, self.let_go = threading.Event(), threading.Event()

    def __call__(self, numbers: Sequence[int]) -> list[int]:
        self.batches.append(list(numbers))
        self.begun.set()
        assert self.let_go.wait(SECONDS)
        if -1 in numbers:
            raise ValueError("one of them is bad")
        return [2 * each for each in numbers]


def asked(held: Held, largest: int, numbers: Sequence[int]) -> list[Future[int]]:
    """One question that is computed, and others that wait for it."""
    batcher = Batcher(held, largest)
    futures = [batcher.submit(0)]
    assert held.begun.wait(SECONDS)
    futures += map(batcher.submit, numbers)
    held.let_go.set()
    batcher.close()
    return futures


def test_what_waits_is_computed_together() -> None:
    held = Held()
    futures = asked(held, 3, [1, 2, 3, 4])
    assert [each.result(0) for each in futures] == [0, 2, 4, 6, 8]
    assert held.batches == [[0], [1, 2, 3], [4]]


def test_a_bad_question_fails_alone() -> None:
    futures = asked(Held(), 8, [1, -1, 3])
    assert isinstance(futures[2].exception(0), ValueError)
    assert [each.result(0) for each in (futures[0], futures[1], futures[3])] == [0, 2, 6]


def test_closing_answers_what_was_asked_and_refuses_more() -> None:
    batcher = Batcher[int, int](lambda numbers: [2 * each for each in numbers], 4, wait=0.001)
    futures = [batcher.submit(each) for each in range(50)]
    batcher.close()
    batcher.close()
    assert [each.result(0) for each in futures] == [2 * each for each in range(50)]
    with pytest.raises(RuntimeError, match="closed"):
        batcher.submit(1)


def test_what_is_taken_back_is_not_computed() -> None:
    held = Held()
    batcher = Batcher(held, 4)
    batcher.submit(0)
    assert held.begun.wait(SECONDS)
    assert batcher.submit(7).cancel()
    held.let_go.set()
    batcher.close()
    assert held.batches == [[0]]
