"""Questioned: the one or two models that a conversation is put to, and the process that answers."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trm_engine.inspection.client import InferenceServer

Answer = dict[str, Any]


@dataclass(frozen=True)
class Model:
    """A checkpoint with its averaged weights, or with its raw ones."""

    path: Path
    raw: bool = False


class Questioned:
    """A model, perhaps another one beside it, and what their files say of themselves.

    Short questions and a long one about the same model have a process each, so that answers to
    what is typed never wait.
    """

    def __init__(self, model: Model, other: Model | None = None, device: str = "auto") -> None:
        self.models = [model, other] if other else [model]
        self.summaries: dict[Path, Answer] = {}
        self._answering = InferenceServer(device)
        self._explaining = InferenceServer(device)

    @property
    def summary(self) -> Answer | None:
        """What the first model's file says of itself, once that is known."""
        return self.summaries.get(self.models[0].path)

    @property
    def labels(self) -> Answer:
        """The first model's tools, slots and parameters."""
        return (self.summary or {}).get("labels") or {}

    async def open(self) -> None:
        """Read the files' summaries.

        Raises:
            UserError: a file is missing or is not what it should be.
            WorkerError: the worker failed or died.
        """
        for model in self.models:
            self.summaries[model.path] = await self._answering.ask("open", path=str(model.path))

    async def predict(self, model: Model, conversation: Answer) -> Answer:
        """What a model thinks of a conversation, at every step; raises as ``open``."""
        asked: dict[str, Any] = {"path": str(model.path), "raw": model.raw}
        tool = (conversation.get("tool") or {}).get("name")
        known = (self.summaries.get(model.path) or {}).get("labels") or {}
        if tool in known.get("tools", ()):
            asked["tool"] = tool
        return await self._answering.ask("predict", conversation=conversation, **asked)

    def occlude(self, conversation: Answer) -> AsyncGenerator[Answer, None]:
        """The first model's answers without one turn each, as they come; raises as ``open``."""
        model = self.models[0]
        asked = {"path": str(model.path), "raw": model.raw, "conversation": conversation}
        return self._explaining.stream("occlude", **asked)

    async def close(self) -> None:
        """End the processes."""
        await self._answering.close()
        await self._explaining.close()
