"""Occlusion: how the answer changes when one turn is removed from the conversation."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from trm_engine.data.samples import Conversation
from trm_engine.inference.decoding import Decoded, predicted_tool
from trm_engine.inference.predictor import Predictor
from trm_engine.inference.read_batch import ReadBatch
from trm_engine.inspection.files import ModelFiles
from trm_engine.inspection.job import Job
from trm_engine.inspection.threads import half_the_threads
from trm_engine.inspection.tokens import read_conversation
from trm_engine.inspection.tool_words import tool_words
from trm_engine.runs.schema.answers import OccludedPrediction, OcclusionResult, ToolWord

BATCH_TOKENS = 2048
MOST_ALONE = 2
"""A tool on offer alone is sure, whatever its words."""

DIGITS = 7


@half_the_threads()
def occlude(
    files: ModelFiles,
    job: Job,
    path: str,
    conversation: dict[str, Any],
    raw: bool = False,
    steps: int | None = None,
) -> OcclusionResult:
    """The last step's answer to the whole conversation, and with each turn removed.

    The parts of the answer have one or more ``answers`` each, that to the whole conversation first.
    The only turn of a conversation is never removed.
    """
    predictor = files.open(path).predictor(raw)
    began = time.perf_counter()
    parsed = read_conversation(conversation)
    [base] = _answer(predictor, job, [None], [parsed], steps)
    job.part(answers=[base])
    words = _tool_words(predictor, parsed, base, steps)
    job.part(words=words)
    turns: list[OccludedPrediction] = []
    for batch in _batches(predictor, parsed):
        without = [_without(parsed, turn) for turn in batch]
        answers = _answer(predictor, job, batch, without, steps)
        turns += answers
        job.part(answers=answers)
        job.progress("leaving turns out", len(turns) / len(parsed.history))
    seconds = round(time.perf_counter() - began, 4)
    return OcclusionResult(base=base, words=words, turns=turns, seconds=seconds)


def _tool_words(
    predictor: Predictor, conversation: Conversation, base: OccludedPrediction, steps: int | None
) -> list[ToolWord]:
    batch = predictor.read([conversation])
    if base.tool is None or batch.arrays["tool_mask"][0].sum() < MOST_ALONE:
        return []
    return tool_words(predictor, conversation, batch.tools(0)[base.tool], steps)


def _batches(predictor: Predictor, conversation: Conversation) -> Iterator[list[int]]:
    """The turns to remove, grouped into batches of at most BATCH_TOKENS tokens."""
    turns = len(conversation.history)
    length = len(predictor.encode(conversation.history))
    size = max(1, BATCH_TOKENS // length)
    for begin in range(0, turns if turns > 1 else 0, size):
        yield list(range(begin, min(begin + size, turns)))


def _without(conversation: Conversation, turn: int) -> Conversation:
    history = [each for index, each in enumerate(conversation.history) if index != turn]
    return conversation.model_copy(update={"history": history})


def _answer(
    predictor: Predictor,
    job: Job,
    turns: list[int] | list[None],
    conversations: list[Conversation],
    steps: int | None,
) -> list[OccludedPrediction]:
    batch = predictor.read(conversations)
    decoded = []
    for step in predictor.decode_steps(batch, steps):
        decoded.append(step)
        job.check()
    return [
        _describe(predictor, batch, decoded[-1], row, turn, len(decoded))
        for row, turn in enumerate(turns)
    ]


def _describe(
    predictor: Predictor, batch: ReadBatch, decoded: Decoded, row: int, turn: int | None, step: int
) -> OccludedPrediction:
    tools = decoded.coming_tools(row)
    tool = predicted_tool(tools)
    return OccludedPrediction(
        turn=turn,
        tool=batch.tool_name(row, tool) if tool >= 0 else None,
        tool_probability=round(float(tools.max()), DIGITS),
        prediction=predictor.answer(batch, decoded, row, step).printed(),
    )
