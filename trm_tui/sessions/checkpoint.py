"""CheckpointSession: what is known about a checkpoint, and the worker processes behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from msgspec import convert

from trm_engine.inspection.client import InferenceServer
from trm_engine.runs.schema.answers import Answer, FileEvaluation, Tokenization
from trm_engine.runs.schema.evaluation import Evaluation, JudgedSample
from trm_engine.runs.schema.model_file import (
    ModelSummary,
    ParameterList,
    TensorHistogram,
    Vocabulary,
)
from trm_tui.sessions.models import Model
from trm_tui.store.judged import JudgedSamples

Record = dict[str, Any]


class Judgement:
    """A model's evaluation on a file of samples: progress while it runs, then the result."""

    def __init__(self) -> None:
        self.samples = JudgedSamples()
        self.result: FileEvaluation | None = None
        self.progress: tuple[str, float] | None = None

    @property
    def metrics(self) -> Evaluation | None:
        """All metrics; None until the evaluation is complete."""
        return self.result.metrics if self.result else None


class CheckpointSession:
    """A checkpoint, and optionally another one to compare it with.

    Interactive requests and evaluations each have their own worker process, so that a short request
    does not wait for a long evaluation.
    """

    def __init__(
        self,
        path: Path,
        data: Path | None = None,
        tools: Path | None = None,
        other: Path | None = None,
        raw: bool = False,
        device: str = "auto",
    ) -> None:
        self.path = path
        self.name = Model(path).name
        self.data = data
        self.tools = tools
        self.other = other
        self.raw = raw
        self.device = device
        self.summary: ModelSummary | None = None
        self.other_summary: ModelSummary | None = None
        self.judgement = Judgement()
        self.other_judgement = Judgement()
        self._answering = InferenceServer(device)
        self._evaluating = InferenceServer(device)

    async def open(self) -> ModelSummary:
        """Open both checkpoints. Returns the summary of the first one.

        Raises:
            UserError: a file is missing or cannot be used.
        """
        self.summary = convert(await self.ask("open"), ModelSummary)
        if self.other:
            answer = await self._answering.ask("open", path=str(self.other))
            self.other_summary = convert(answer, ModelSummary)
        return self.summary

    async def ask(self, request: str, **arguments: Any) -> Record:
        """Send a request about the checkpoint. Raises UserError or WorkerError."""
        return await self._answering.ask(request, path=str(self.path), **arguments)

    async def predict(self, sample: Record) -> Answer:
        """The answer at every step, with the arguments of the sample's own tool if known."""
        tool = (sample.get("tool") or {}).get("name")
        asked = tool if self.summary and tool in self.summary.tools else None
        answer = await self.ask("predict", conversation=sample, raw=self.raw, tool=asked)
        return convert(answer, Answer, strict=False)

    async def parameters(self) -> ParameterList:
        """All tensors with their statistics. Raises UserError or WorkerError."""
        return convert(await self.ask("parameters"), ParameterList)

    async def histogram(self, name: str, which: str) -> TensorHistogram:
        """The values of a "raw" or "ema" tensor. Raises UserError or WorkerError."""
        return convert(await self.ask("histogram", name=name, which=which), TensorHistogram)

    async def vocabulary(self) -> Vocabulary:
        """The pieces of the tokenizer. Raises UserError or WorkerError."""
        return convert(await self.ask("vocabulary"), Vocabulary)

    async def tokenize(self, text: str) -> Tokenization:
        """The tokens of a text. Raises UserError or WorkerError."""
        return convert(await self.ask("tokenize", text=text), Tokenization)

    async def evaluate(self) -> AsyncIterator[None]:
        """Evaluate the checkpoint, then the other one. Yields after each message.

        Discards the previous evaluations.
        """
        self.judgement, self.other_judgement = Judgement(), Judgement()
        async for _ in self._judge(self.path, self.judgement):
            yield
        if self.other:
            async for _ in self._judge(self.other, self.other_judgement):
                yield
            self.judgement.samples.compare(self.other_judgement.samples)
            yield

    async def _judge(self, path: Path, judgement: Judgement) -> AsyncIterator[None]:
        files = {"data": self.data and str(self.data), "tools": self.tools and str(self.tools)}
        answers = self._evaluating.stream("evaluate", path=str(path), **files, raw=self.raw)
        async for message in answers:
            if message["type"] == "progress":
                judgement.progress = (message["what"], message["share"])
            elif message["type"] == "part":
                judgement.samples.add(convert(message["samples"], list[JudgedSample]))
            else:
                judgement.result, judgement.progress = convert(message, FileEvaluation), None
            yield

    async def close(self) -> None:
        """End the worker processes."""
        await asyncio.gather(self._answering.close(), self._evaluating.close())
