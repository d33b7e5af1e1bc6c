"""Answer questions about checkpoints: JSON lines on standard input, answers on standard output.

A question is ``{"id": n, "request": name, ...arguments}``; ``inspection/requests.py`` lists them.
Its answers carry its id: any number of type ``progress`` (what, share) and ``part``, then one of
``result``, ``error`` (message, user_error, traceback) or ``cancelled``. ``{"cancel": n}`` ends a
question between batches or supervision steps. Questions are answered one at a time, in order.
``{"type": "ready"}`` comes first. The end of standard input ends all.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from typing import Any, BinaryIO

from msgspec import to_builtins

from trm_engine.errors import UserError, in_words
from trm_engine.files.jsonl import from_message, to_message
from trm_engine.inspection.files import ModelFiles
from trm_engine.inspection.job import Cancelled
from trm_engine.inspection.requests import REQUESTS

PROGRESS_SECONDS = 0.1

Message = dict[str, Any]


def serve(device: str) -> int:
    """Answer until standard input ends. Returns the exit status."""
    answers = Answers(_claim_stdout())
    inbox = Inbox(sys.stdin.buffer)
    files = ModelFiles(device)
    answers.write({"type": "ready"})
    for question in inbox:
        number = question.pop("id", None)
        answers.write({"id": number, **_answer(files, question, _Job(number, inbox, answers))})
        inbox.forget(number)
    return 0


def _answer(files: ModelFiles, question: Message, job: _Job) -> Message:
    """The last message for a question: a result, or an error if anything goes wrong."""
    try:
        job.check()
        return {"type": "result", **_ask(files, question, job)}
    except Cancelled:
        return {"type": "cancelled"}
    except (UserError, OSError) as error:  # OSError: a file is gone, the disk is full
        message = in_words(error) if isinstance(error, OSError) else str(error)
        return {"type": "error", "message": message, "user_error": True, "traceback": ""}
    except Exception as error:
        message = "".join(traceback.format_exception_only(error)).strip()
        trace = traceback.format_exc()
        return {"type": "error", "message": message, "user_error": False, "traceback": trace}


def _ask(files: ModelFiles, question: Message, job: _Job) -> Message:
    if problem := question.pop("unreadable", None):
        raise ValueError(problem)
    name = question.pop("request", None)
    if name not in REQUESTS:
        raise ValueError(f"unknown request {name!r}; there are {', '.join(REQUESTS)}")
    answer: Message = to_builtins(REQUESTS[name](files, job, **question))
    return answer


class Inbox:
    """Questions from a stream, in order. A thread reads them, and cancels at once."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._queue: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._open: set[Any] = set()
        self._cancelled: set[Any] = set()
        self._ended = False
        threading.Thread(target=self._read, name="inbox", daemon=True).start()

    def __iter__(self) -> Iterator[Message]:
        while (question := self._queue.get()) is not None and not self._ended:
            yield question

    def is_cancelled(self, number: Any) -> bool:
        """Whether the question was cancelled, or the input has ended."""
        return self._ended or number in self._cancelled

    def forget(self, number: Any) -> None:
        """The question is answered."""
        with self._lock:
            self._open.discard(number)
            self._cancelled.discard(number)

    def _read(self) -> None:
        for line in self._stream:
            if line.strip():
                self._take(_parse(line))
        self._ended = True
        self._queue.put(None)

    def _take(self, message: Message) -> None:
        with self._lock:
            if "cancel" in message:
                self._cancelled |= {message["cancel"]} & self._open
                return
            self._open.add(message.get("id"))
        self._queue.put(message)


class Answers:
    """Writes messages as lines. Ends the process when its reader has gone."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, message: Message) -> None:
        try:
            self._stream.write(to_message(message))
            self._stream.flush()
        except BrokenPipeError:
            raise SystemExit(0) from None


class _Job:
    """The progress and the cancellation of one question."""

    def __init__(self, number: Any, inbox: Inbox, answers: Answers) -> None:
        self._number = number
        self._inbox = inbox
        self._answers = answers
        self._last_progress: tuple[str, float] = ("", 0.0)

    def check(self) -> None:
        if self._inbox.is_cancelled(self._number):
            raise Cancelled

    def progress(self, what: str, share: float, **more: Any) -> None:
        """Report progress: a few times a second at most, but the first and the last always."""
        self.check()
        last, at = self._last_progress
        now = time.monotonic()
        if what != last or share >= 1 or now - at >= PROGRESS_SECONDS:
            self._last_progress = (what, now)
            self._send("progress", what=what, share=round(share, 4), **more)

    def part(self, **content: Any) -> None:
        self.check()
        self._send("part", **content)

    def _send(self, kind: str, **content: Any) -> None:
        self._answers.write({"id": self._number, "type": kind, **to_builtins(content)})


def _parse(line: bytes) -> Message:
    try:
        message = from_message(line)
    except ValueError as error:
        return {"unreadable": f"not a JSON line: {error}"}
    if not isinstance(message, dict):
        return {"unreadable": "expected a JSON object"}
    if not isinstance(message.get("cancel", message.get("id")), int):
        return {"unreadable": "expected an id, or what to cancel, as a whole number"}
    return message


def _claim_stdout() -> BinaryIO:
    """Take standard output for answers; whatever else is printed goes to standard error."""
    stream = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    sys.stdout = sys.stderr
    return stream
