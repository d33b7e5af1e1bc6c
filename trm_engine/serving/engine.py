"""Engine: the model of a server, exchanged when its file changes, and asked in batches."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trm_engine.errors import DataError, UserError, in_words
from trm_engine.inference.batcher import Batcher
from trm_engine.inference.question import Question, read_question
from trm_engine.inference.route import Route
from trm_engine.inference.router import Router
from trm_engine.memory import return_free_memory
from trm_engine.runs.folder import find_checkpoint
from trm_engine.serving.drift import Shares, validation_of
from trm_engine.serving.problems import Problem
from trm_engine.serving.settings import Settings

LARGE = 1 << 16
"""Bytes of a body that is read on a thread, so that other requests go on."""

State = tuple[str, int, int, int]


@dataclass(frozen=True)
class Model:
    """A loaded checkpoint: its router, its file, and the state of the file when it was loaded.

    ``validation`` are the shares of its last evaluation, if it has one.
    """

    router: Router
    path: Path
    state: State
    validation: Shares | None = None

    @property
    def name(self) -> str:
        """What clients call it: the run's name, or the file's."""
        folder = self.path.parent
        if folder.name == "checkpoints" and folder.parent.name:
            return folder.parent.name
        return self.path.stem

    @property
    def created(self) -> int:
        """When the file was written, in seconds since 1970."""
        return self.state[1] // 10**9


@dataclass(frozen=True)
class Answered:
    """A question, its answer, and the model that gave it."""

    question: Question
    route: Route
    model: Model


class Engine:
    """Answers questions, in batches, with the newest checkpoint.

    Raises:
        UserError: the checkpoint cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.model = _load(settings)
        self.reloads = 0
        self._loading = asyncio.Lock()
        self._refused: State | None = None
        self._batcher = Batcher(self._answer, settings.max_batch, settings.max_wait)

    @property
    def waiting(self) -> int:
        """The number of questions that wait for the model."""
        return self._batcher.waiting

    async def ask(
        self,
        messages: Any,
        tools: Any = None,
        choice: str = "auto",
        *,
        size: int = 0,
        param: str = "messages",
    ) -> Answered:
        """What to do next in a conversation.

        ``size``: bytes of the request. ``param``: its field with the conversation.

        Raises:
            Problem: it cannot be read, or the model has too much to do.
        """
        try:
            if size > LARGE:
                question = await asyncio.to_thread(read_question, messages, tools, choice)
            else:
                question = read_question(messages, tools, choice)
        except DataError as error:
            where = str(error)
            field = "tools" if where.startswith("tools") else param
            raise Problem(400, where, "invalid_value", field) from None
        except RecursionError:
            raise Problem(400, "the body is nested too deeply", "invalid_value") from None
        return await self._computed(question)

    async def reload(self, is_asked_for: bool = False) -> str:
        """Load the checkpoint if its file has changed. Requests are answered meanwhile.

        Returns what happened, "" for nothing. If it cannot be loaded, the old model stays.
        """
        async with self._loading:
            try:
                state = _state_of(find_checkpoint(self.settings.path))
                if state in (self.model.state, self._refused) and not is_asked_for:
                    return ""
                self.model = await asyncio.to_thread(_load, self.settings)
            except Exception as error:  # whatever is wrong with a file, the server goes on
                self._refused = _state_or_none(self.settings)
                return f"not reloaded, the model in use stays: {_said(error)}"
            self.reloads += 1
            self._refused = None
            return f"reloaded {self.model.path}"

    def close(self) -> None:
        """Answer what waits, then end."""
        self._batcher.close()

    async def _computed(self, question: Question) -> Answered:
        if self.waiting >= self.settings.limits.waiting:
            headers = {"retry-after": "1"}
            raise Problem(503, "too many requests wait", "overloaded", headers=headers)
        future = self._batcher.submit(question)
        try:
            async with asyncio.timeout(self.settings.limits.answer_seconds):
                return await asyncio.wrap_future(future)
        except TimeoutError:
            raise Problem(503, "the model did not answer in time", "timeout") from None

    def _answer(self, questions: Sequence[Question]) -> list[Answered]:
        model = self.model
        routes = model.router.answer(questions)
        return [Answered(*each, model) for each in zip(questions, routes, strict=True)]


def _load(settings: Settings) -> Model:
    path = find_checkpoint(settings.path)
    state = _state_of(path)  # before it is read: a later change is noticed
    router = Router.load(
        path,
        device=settings.device,
        threads=settings.threads,
        raw=settings.raw,
        halt_threshold=settings.halt_threshold,
        tools=settings.tools,
    )
    router.route("ready?")  # the first answer takes longer than others
    return_free_memory()  # reading all tools at once took much more than an answer does
    return Model(router, path, state, validation_of(router.predictor.metrics))


def _said(error: Exception) -> str:
    if isinstance(error, OSError):
        return in_words(error)
    return str(error) if isinstance(error, UserError) else type(error).__name__


def _state_of(path: Path) -> State:
    """What changes when a file is written anew."""
    found = os.stat(path)
    return str(path), found.st_mtime_ns, found.st_size, found.st_ino


def _state_or_none(settings: Settings) -> State | None:
    try:
        return _state_of(find_checkpoint(settings.path))
    except (UserError, OSError):
        return None
