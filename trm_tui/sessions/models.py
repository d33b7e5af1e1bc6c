"""ModelSession: one or two models, and the processes that answer for them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec import convert

from trm_engine.inspection.client import InferenceServer
from trm_engine.printable import one_line
from trm_engine.runs.folder import find_run
from trm_engine.runs.schema.answers import Answer, OccludedPrediction, Progress, ToolWord
from trm_engine.runs.schema.model_file import ModelSummary

Record = dict[str, Any]


@dataclass(frozen=True)
class Model:
    """A checkpoint with its averaged or its raw weights."""

    path: Path
    raw: bool = False

    @property
    def name(self) -> str:
        """The file's name, with the name of its run in front if it has one."""
        return "/".join(filter(None, self.names))

    @property
    def names(self) -> tuple[str, str]:
        """The names of the run ("" if there is none) and of the file."""
        run = find_run(self.path)
        return one_line(run.path.absolute().name if run else ""), one_line(self.path.name)


def titles_of(models: Sequence[Model]) -> list[str]:
    """A title for each model's answers: what its weights, run or file have of their own."""
    if len(models) == 1:
        return ["Answer"]
    if len({model.path for model in models}) == 1:
        return ["Raw weights" if model.raw else "Averaged weights" for model in models]
    parts = zip(*(model.names for model in models), strict=True)
    differing = [part for part in parts if len(set(part)) > 1]
    titles = list(map("/".join, zip(*differing, strict=True))) or [str(m.path) for m in models]
    return [
        f"{title} (raw)" if model.raw else title
        for title, model in zip(titles, models, strict=True)
    ]


def figures_of(model: Model, summary: ModelSummary | None) -> tuple[str, ...]:
    """What a header says of a model: weights, step, size. Nothing before the file is open."""
    if summary is None:
        return ()
    weights = "raw weights" if model.raw or not summary.has_ema else "averaged weights"
    step = () if summary.step is None else (f"step {summary.step:,}",)
    return weights, *step, f"{summary.parameters:,} parameters"


class ModelSession:
    """One or two models, and the summaries of their files.

    Predictions and the slow ``occlude`` request have separate processes, so that predictions
    never wait.
    """

    def __init__(self, model: Model, other: Model | None = None, device: str = "auto") -> None:
        self.models = [model, other] if other else [model]
        self.summaries: dict[Path, ModelSummary] = {}
        self._answering = InferenceServer(device)
        self._explaining = InferenceServer(device)

    @property
    def summary(self) -> ModelSummary | None:
        """The summary of the first model's file; None before ``open``."""
        return self.summaries.get(self.models[0].path)

    @property
    def labels(self) -> Record:
        """The first model's tools, slots and parameters."""
        return (self.summary.labels if self.summary else None) or {}

    async def open(self) -> None:
        """Read the files' summaries.

        Raises:
            UserError: a file is missing or invalid.
            WorkerError: the worker failed or died.
        """
        for model in self.models:
            answer = await self._answering.ask("open", path=str(model.path))
            self.summaries[model.path] = convert(answer, ModelSummary)

    async def predict(self, model: Model, conversation: Record) -> Answer:
        """A model's answer to a conversation at each step. Raises like ``open``."""
        request: dict[str, Any] = {"path": str(model.path), "raw": model.raw}
        tool = (conversation.get("tool") or {}).get("name")
        summary = self.summaries.get(model.path)
        offered = [each["function"]["name"] for each in conversation.get("tools") or ()]
        if tool in (offered or (summary.tools if summary else ())):
            request["tool"] = tool
        answer = await self._answering.ask("predict", conversation=conversation, **request)
        return convert(answer, Answer, strict=False)

    async def occlude(
        self, conversation: Record
    ) -> AsyncGenerator[Progress | list[OccludedPrediction] | list[ToolWord], None]:
        """Stream the first model's answers with one turn left out, and what its tool's words do.

        Raises like ``open``.
        """
        model = self.models[0]
        request = {"path": str(model.path), "raw": model.raw, "conversation": conversation}
        async with aclosing(self._explaining.stream("occlude", **request)) as messages:
            async for message in messages:
                if message["type"] == "progress":
                    yield convert(message, Progress)
                elif message["type"] == "part" and "words" in message:
                    yield convert(message["words"], list[ToolWord], strict=False)
                elif message["type"] == "part":
                    yield convert(message["answers"], list[OccludedPrediction], strict=False)

    async def close(self) -> None:
        """End the worker processes."""
        await self._answering.close()
        await self._explaining.close()
