"""InferenceServer: sends requests to a worker process, so that this one does not import torch."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import tempfile
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Any

from trm_engine.errors import UserError, WorkerError
from trm_engine.files.jsonl import from_message, to_message
from trm_engine.runs.launch import WORKER

CHUNK = 1 << 16
LOG_TAIL = 4000
END_SECONDS = 2.0

Message = dict[str, Any]


class InferenceServer:
    """Sends requests to its own worker process (``worker/serve.py`` lists them).

    ``start`` or the first request starts the worker. If the worker dies, the next request starts
    another one. The worker answers one request at a time, in order. Cancelling the task of a
    request, or closing its stream, cancels it in the worker too. The worker ends with ``close``, or
    when this process ends, even if it is killed.

    Args:
        device: where models run: "auto", "cpu", "cuda", ...
    """

    def __init__(self, device: str = "auto") -> None:
        self.device = device
        self._worker: _Worker | None = None
        self._starting = asyncio.Lock()
        self._numbers = itertools.count(1)

    async def start(self) -> None:
        """Start the worker if none runs. Requests can be sent before it is ready."""
        await self._running()

    async def ask(self, request: str, **arguments: Any) -> Message:
        """Send a request and return its result.

        Raises:
            UserError: an argument or a file cannot be used.
            WorkerError: the worker failed or died.
        """
        async with aclosing(self._messages(request, arguments)) as messages:
            async for message in messages:
                if message["type"] == "result":
                    del message["type"]
                    return message
        raise AssertionError("messages end with a result or raise")

    async def stream(self, request: str, **arguments: Any) -> AsyncGenerator[Message, None]:
        """Send a request and yield its messages: progress, parts, and finally the result.

        Raises the errors of ``ask``. To cancel, close the stream (``contextlib.aclosing``).
        """
        async with aclosing(self._messages(request, arguments)) as messages:
            async for message in messages:
                yield message

    async def close(self) -> None:
        """End the worker. Unanswered requests raise WorkerError."""
        worker, self._worker = self._worker, None
        if worker:
            await worker.end()

    async def _messages(
        self, request: str, arguments: dict[str, Any]
    ) -> AsyncGenerator[Message, None]:
        worker = await self._running()
        number = next(self._numbers)
        inbox = worker.ask(number, {"request": request, **arguments})
        is_answered = False
        try:
            while not is_answered:
                message = await inbox.get()
                is_answered = message["type"] not in ("progress", "part")
                _raise_error(message)
                yield message
        finally:
            worker.forget(number, is_answered)

    async def _running(self) -> _Worker:
        async with self._starting:
            if self._worker is None or self._worker.is_dead:
                self._worker = await _Worker.start(self.device)
            return self._worker


class _Worker:
    """The worker process, with an inbox for each unanswered request."""

    def __init__(self, process: asyncio.subprocess.Process, log: Any) -> None:
        self.is_dead = False
        self._process = process
        self._log = log
        self._inboxes: dict[int, asyncio.Queue[Message]] = {}
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, device: str) -> _Worker:
        """Start the process in its own session, which Ctrl+C in the terminal does not reach."""
        log = tempfile.TemporaryFile()  # noqa: SIM115 (_read_log closes it)
        process = await asyncio.create_subprocess_exec(
            *(*WORKER, "serve", "--device", device, "--parent", str(os.getpid())),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
        return cls(process, log)

    def ask(self, number: int, message: Message) -> asyncio.Queue[Message]:
        """Send a request. Its messages are put into the returned queue."""
        inbox = self._inboxes[number] = asyncio.Queue()
        self._send({"id": number, **message})
        return inbox

    def forget(self, number: int, is_answered: bool) -> None:
        """Remove the inbox of a request, and cancel the request if it is unanswered."""
        del self._inboxes[number]
        if not (is_answered or self.is_dead):
            self._send({"cancel": number})

    async def end(self) -> None:
        """Close the worker's input, which ends it. Kill it if it is idle or too slow."""
        assert self._process.stdin
        self._process.stdin.close()
        if self._inboxes:
            with suppress(asyncio.TimeoutError):
                async with asyncio.timeout(END_SECONDS):
                    await asyncio.shield(self._reader)
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._reader

    def _send(self, message: Message) -> None:
        assert self._process.stdin
        self._process.stdin.write(to_message(message))

    async def _read(self) -> None:
        """Distribute messages until the process ends. Then send an error to every inbox."""
        assert self._process.stdout
        pieces: list[bytes] = []
        while chunk := await self._process.stdout.read(CHUNK):
            lines, newline, rest = chunk.rpartition(b"\n")
            if newline:
                for line in b"".join([*pieces, lines]).split(b"\n"):
                    self._distribute(line)
                pieces = []
            pieces.append(rest)
        status = await self._process.wait()
        self.is_dead = True
        log = self._read_log()
        for inbox in self._inboxes.values():
            inbox.put_nowait(
                {
                    "type": "error",
                    "message": f"the worker exited ({_exit_text(status)})",
                    "user_error": False,
                    "traceback": log,
                }
            )

    def _distribute(self, line: bytes) -> None:
        message = from_message(line)
        inbox = self._inboxes.get(message.pop("id", 0))
        if inbox:
            inbox.put_nowait(message)

    def _read_log(self) -> str:
        with self._log as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(0, size - LOG_TAIL))
            text: str = log.read().decode(errors="replace").strip()
            return text


def _exit_text(status: int) -> str:
    if status < 0:
        return f"killed by {signal.Signals(-status).name}"
    return f"exit status {status}"


def _raise_error(message: Message) -> None:
    if message["type"] == "error":
        if message["user_error"]:
            raise UserError(message["message"])
        raise WorkerError(message["message"], message["traceback"])
    if message["type"] == "cancelled":
        raise WorkerError("the worker cancelled the request")
