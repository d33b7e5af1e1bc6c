"""The output of `trm-tui inspect`: everything that its screen shows, as one object."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from msgspec import convert

from trm_engine.errors import UserError
from trm_engine.inspection.client import InferenceServer
from trm_engine.runs.schema.evaluation import JudgedSample
from trm_tui.store.judged import ONLY_OTHER, ONLY_THIS, JudgedSamples
from trm_tui.widgets.checkpoint.labels import fields_of, tools_of

Answer = dict[str, Any]


async def collect(
    path: Path,
    data: Path | None,
    tools: Path | None,
    other: Path | None,
    raw: bool,
    device: str,
) -> Answer:
    """All facts about a checkpoint, with an evaluation if ``data`` is given.

    ``compared`` has the line numbers of the samples that only one of two checkpoints gets right.

    Raises:
        UserError: a file is missing or cannot be used.
        WorkerError: the worker failed.
    """
    server = InferenceServer(device)
    asked = {"data": data and str(data), "tools": tools and str(tools), "raw": raw}
    try:
        facts = {
            **await _judged(server, path, asked),
            "parameters": (await server.ask("parameters", path=str(path)))["tensors"],
            "vocabulary": await _vocabulary(server, path),
        }
        facts["labels"] = labels_of(facts["summary"])
        if other:
            facts["other"] = await _judged(server, other, asked)
            if data:
                facts["compared"] = compared(facts["evaluation"], facts["other"]["evaluation"])
        return facts
    finally:
        await server.close()


def labels_of(summary: Answer) -> Answer | None:
    """Tools with their parameters, and slots; None if the file has no labels."""
    labels = summary["labels"]
    if not labels:
        return None
    tools = [asdict(tool) for tool in tools_of(labels)]
    return {"tools": tools, "slots": [asdict(slot) for slot in fields_of(labels["slots"])]}


def judged_samples(evaluation: Mapping[str, Any]) -> JudgedSamples:
    """The samples of an evaluation, for filtering and sorting."""
    samples = JudgedSamples()
    samples.add(convert(evaluation["samples"], list[JudgedSample]))
    return samples


def compared(evaluation: Answer, other: Answer) -> Answer:
    """The lines of the samples that are right in only one of two evaluations."""
    samples = judged_samples(evaluation)
    samples.compare(judged_samples(other))
    return {
        "only_this_right": sorted(samples.lines(samples.view(ONLY_THIS))),
        "only_other_right": sorted(samples.lines(samples.view(ONLY_OTHER))),
    }


async def _judged(server: InferenceServer, path: Path, asked: Answer) -> Answer:
    """The summary, and the evaluation if its data is given."""
    facts = {"summary": await server.ask("open", path=str(path))}
    if asked["data"]:
        facts["evaluation"] = await _evaluated(server, path, asked)
    return facts


async def _evaluated(server: InferenceServer, path: Path, asked: Answer) -> Answer:
    """The result of an evaluation, with its ``samples`` in file order."""
    samples: list[Answer] = []
    result: Answer = {}
    stream = server.stream("evaluate", path=str(path), **asked)
    async with aclosing(stream) as messages:
        async for message in messages:
            kind = message.pop("type")
            if kind == "part":
                samples += message["samples"]
            elif kind == "result":
                result = message
    return {**result, "samples": sorted(samples, key=lambda sample: int(sample["line"]))}


async def _vocabulary(server: InferenceServer, path: Path) -> Answer | None:
    """All pieces of the tokenizer; None if the file has no tokenizer."""
    try:
        return await server.ask("vocabulary", path=str(path))
    except UserError:
        return None
