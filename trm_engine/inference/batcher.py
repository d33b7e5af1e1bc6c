"""Batcher: computes what waits together in one batch, on a thread of its own."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Found = TypeVar("Found")


class Batcher(Generic[Asked, Found]):
    """Computes the answers to questions in batches, in the order in which they came.

    While one batch is computed, the questions of the next one gather. The thread ends with the
    program, or with ``close``.

    Args:
        compute: gives the answers to a batch, in order. If it raises, each question of the batch
            is asked alone, so that only those that cannot be answered fail.
        largest: number of questions in a batch.
        wait: seconds to wait for more questions after the first one.
    """

    def __init__(
        self,
        compute: Callable[[Sequence[Asked]], list[Found]],
        largest: int,
        wait: float = 0.0,
    ) -> None:
        self._compute = compute
        self._largest = largest
        self._wait = wait
        self._queue: queue.SimpleQueue[tuple[Asked, Future[Found]] | None] = queue.SimpleQueue()
        self._closing = threading.Lock()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="batcher", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """The number of questions that wait."""
        return self._queue.qsize()

    def submit(self, asked: Asked) -> Future[Found]:
        """Ask a question. Cancelling the future before its batch begins takes it back.

        Raises:
            RuntimeError: the batcher is closed.
        """
        future: Future[Found] = Future()
        with self._closing:
            if self._is_closed:
                raise RuntimeError("the batcher is closed")
            self._queue.put((asked, future))
        return future

    def close(self) -> None:
        """Answer all that was asked, then end."""
        with self._closing:
            if not self._is_closed:
                self._is_closed = True
                self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while batch := self._next():
            self._answer([each for each in batch if each[1].set_running_or_notify_cancel()])

    def _next(self) -> list[tuple[Asked, Future[Found]]]:
        """The questions that wait, at least one; none after the last."""
        first = self._queue.get()
        if first is None:
            return []
        batch = [first]
        until = time.monotonic() + self._wait
        while len(batch) < self._largest:
            try:
                left = until - time.monotonic()
                more = self._queue.get(timeout=left) if left > 0 else self._queue.get_nowait()
            except queue.Empty:
                break
            if more is None:
                self._queue.put(None)
                break
            batch.append(more)
        return batch

    def _answer(self, batch: list[tuple[Asked, Future[Found]]]) -> None:
        if not batch:
            return
        try:
            answers = self._compute([asked for asked, _ in batch])
            if len(answers) != len(batch):
                raise RuntimeError(f"{len(answers)} answers to {len(batch)} questions")
        except Exception as error:
            if len(batch) == 1:
                batch[0][1].set_exception(error)
            else:
                for each in batch:
                    self._answer([each])
            return
        for (_, future), answer in zip(batch, answers, strict=True):
            future.set_result(answer)
