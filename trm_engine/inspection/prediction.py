"""The model's answer to one conversation at every supervision step, with spans."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from trm_engine.data.encoding import FieldLabels, encode_sample
from trm_engine.data.field import Field
from trm_engine.data.labels import Labels
from trm_engine.data.samples import Sample
from trm_engine.data.values import flatten, value_text
from trm_engine.errors import UserError, did_you_mean
from trm_engine.inference.decoding import Decoded, predicted_tool
from trm_engine.inference.field_value import FieldValue
from trm_engine.inference.halting import halting_step
from trm_engine.inference.predictor import Predictor
from trm_engine.inference.read_batch import ReadBatch
from trm_engine.inference.token_texts import TokenTexts
from trm_engine.inference.values import read_slots
from trm_engine.inspection.files import ModelFiles
from trm_engine.inspection.job import Job
from trm_engine.inspection.threads import half_the_threads
from trm_engine.inspection.tokens import describe_tokens, read_conversation
from trm_engine.runs.schema.answers import (
    Answer,
    FieldPrediction,
    FieldTruth,
    RankedTool,
    StepPrediction,
    Truth,
)

DIGITS = 7


@half_the_threads()
def predict(
    files: ModelFiles,
    job: Job,
    path: str,
    conversation: dict[str, Any],
    raw: bool = False,
    steps: int | None = None,
    halt_threshold: float | None = None,
    tool: str | None = None,
) -> Answer:
    """The answer at every step, with the arguments of ``tool`` beside those of the likeliest tool.

    Raises:
        UserError: the model does not know ``tool``, or this is no conversation.
    """
    predictor = files.open(path).predictor(raw)
    began = time.perf_counter()
    parsed = read_conversation(conversation)
    batch = predictor.read([parsed])
    known = batch.tools(0)
    if tool is not None and tool not in known:
        raise UserError(f"no tool '{tool}'{did_you_mean(tool, known)}")
    texts = batch.texts[0]
    answers, qs = [], []
    for number, decoded in enumerate(predictor.decode_steps(batch, steps), 1):
        answers.append(_step(predictor, batch, decoded, number, tool))
        qs.append(float(decoded.q[0]))
        job.check()
    threshold = predictor.config.halt_threshold if halt_threshold is None else halt_threshold
    truth = None
    if isinstance(parsed, Sample):
        truth = _truth(parsed, predictor, batch.labels, texts)
    return Answer(
        tokenization=describe_tokens(
            texts.texts, batch.encodings[0], predictor.tokenizer, predictor.max_length
        ),
        steps=answers,
        halt_threshold=threshold,
        halts_at=halting_step(qs, threshold),
        new_tools=batch.new_tools(0, predictor.labels),
        truth=truth,
        seconds=round(time.perf_counter() - began, 4),
    )


def _step(
    predictor: Predictor, batch: ReadBatch, decoded: Decoded, number: int, tool: str | None
) -> StepPrediction:
    labels, texts = batch.labels, batch.texts[0]
    probabilities = decoded.coming_tools(0)
    likeliest = predicted_tool(probabilities)
    shown = {likeliest, batch.tools(0)[tool] if tool else -1} - {-1}
    answer = predictor.answer(batch, decoded, 0, number)
    [answer] = predictor.with_further_calls(batch.conversations, [answer], number)
    return StepPrediction(
        prediction=answer.printed(),
        tools=_ranking(batch, probabilities),
        slots=[_field(value) for value in read_slots(decoded, 0, labels, texts)],
        arguments={
            batch.tool_name(0, index): [
                _field(value) for value in predictor.arguments(batch, decoded, 0, index)
            ]
            for index in sorted(shown)
        },
    )


def _ranking(batch: ReadBatch, probabilities: np.ndarray) -> list[RankedTool]:
    """The tools on offer by probability."""
    offered = batch.arrays["tool_mask"][0].nonzero()[0].tolist()
    tools = [
        RankedTool(
            name=batch.tool_name(0, tool), probability=round(float(probabilities[tool]), DIGITS)
        )
        for tool in offered
    ]
    return sorted(tools, key=lambda each: -each.probability)


def _field(value: FieldValue) -> FieldPrediction:
    return FieldPrediction(
        name=value.field.name,
        presence=round(value.presence, DIGITS),
        value=value.text,
        json_type=value.field.meant,
        span=value.place,
        choice=value.choice if value.choice >= 0 else None,
    )


def _truth(sample: Sample, predictor: Predictor, labels: Labels, texts: TokenTexts) -> Truth:
    """The labels of a sample: decision, tool, and the filled slots and arguments."""
    limits = (predictor.max_length, predictor.max_tool_tokens)
    encoded = encode_sample(sample, predictor.tokenizer, labels, *limits)
    arguments = flatten(sample.tool.arguments) if sample.tool else {}
    return Truth(
        decision="tool_call" if encoded.decision else "direct_answer",
        tool=sample.tool.name if sample.tool else None,
        slots=_true_fields(labels.slots, sample.slots, encoded.slots, texts),
        arguments=_true_fields(labels.args, arguments, encoded.args, texts),
    )


def _true_fields(
    fields: Sequence[Field], values: dict[str, Any], true: FieldLabels, texts: TokenTexts
) -> list[FieldTruth]:
    """The filled fields, each with every place that has its value."""
    places = [(channel, texts.place(span)) for channel, *span in true.spans.tolist()]
    return [
        FieldTruth(
            name=field.name,
            value=value_text(values[field.name]),
            spans=[place for each, place in places if each == channel and place],
            choice=int(true.choices[channel]) if true.choices[channel] >= 0 else None,
        )
        for channel, field in enumerate(fields)
        if true.presence[channel] == 1
    ]
