"""Encoding: a sample as arrays of tokens and labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trm_engine.data.field import Field
from trm_engine.data.labels import Labels
from trm_engine.data.samples import Conversation, Sample
from trm_engine.data.spans import TokenSpans
from trm_engine.data.tokenizer import Encoding, TRMTokenizer
from trm_engine.data.values import flatten, is_empty
from trm_engine.vocabulary import NOWHERE

SEQUENCES = ("input_ids", "attention_mask", "role_ids", "turn_ids", "text_flags")
INPUTS = ("input_ids", "attention_mask", "role_ids", "text_flags", "tool_mask")
"""The inputs of the model."""

NONE = -1
UNKNOWN_TOOL = -2
"""Label of a tool that is not in the training file. It counts as wrong and is not trained on."""


@dataclass(frozen=True)
class FieldLabels:
    """Labels of the slots, or of the arguments, of one sample, with F channels.

    ``presence`` [F]: 1 filled, 0 empty, -1 ignored. ``choices`` [F]: index of a choice field's
    value, else -1. ``spans`` [M, 3]: channel, first and last token of each occurrence, sorted by
    channel, for choice fields too; the token NOWHERE for a span that stands nowhere.
    ``cut_values``: number of values that occur only in the truncated part.
    """

    presence: np.ndarray
    choices: np.ndarray
    spans: np.ndarray
    cut_values: int


@dataclass(frozen=True)
class EncodedSample:
    """One decision point as arrays. ``decision``: 1 for a call. ``tool``: class, -1 or -2.
    ``next_tool``: the tool of the call, or of the next call after an answer."""

    encoding: Encoding
    decision: int
    tool: int
    next_tool: int
    tool_mask: np.ndarray
    slots: FieldLabels
    args: FieldLabels


def encode_sample(
    sample: Sample,
    tokenizer: TRMTokenizer,
    labels: Labels,
    max_length: int,
    max_tool_tokens: int | None = None,
) -> EncodedSample:
    """Encode a sample. A value that is not in the kept text is present and stands nowhere.

    An answer has arguments only if it has a next call (``with_next_call``). Then the presence of
    choice fields is ignored, as the user may have expressed a choice in other words.
    """
    encoding = tokenizer.encode_turns(sample.history, max_length, max_tool_tokens)
    spans = TokenSpans(sample.history, encoding)
    tool = _tool_label(sample, labels)
    asked = set(labels.parameters[tool]) if tool >= 0 else set()
    arguments = flatten(sample.tool.arguments) if sample.tool else {}
    args = _field_labels(labels.args, arguments, asked, spans)
    is_call = sample.decision == "tool_call"
    if not is_call:
        args.presence[[field.kind == "choice" for field in labels.args]] = NONE
    return EncodedSample(
        encoding=encoding,
        decision=int(is_call),
        tool=tool if is_call else NONE,
        next_tool=tool,
        tool_mask=tool_mask(sample, labels),
        slots=_field_labels(labels.slots, sample.slots, range(len(labels.slots)), spans),
        args=args,
    )


def padded(encodings: Sequence[Encoding]) -> dict[str, np.ndarray]:
    """SEQUENCES of B conversations, padded to the longest one L, [B, L] each."""
    shape = len(encodings), max(map(len, encodings))
    batch = {name: np.zeros(shape, np.int64) for name in SEQUENCES}
    for row, encoding in enumerate(encodings):
        length = len(encoding)
        batch["input_ids"][row, :length] = encoding.input_ids
        batch["attention_mask"][row, :length] = 1
        batch["role_ids"][row, :length] = encoding.role_ids
        batch["turn_ids"][row, :length] = encoding.turns
        batch["text_flags"][row, :length] = encoding.text
    return batch


def tool_mask(conversation: Conversation, labels: Labels) -> np.ndarray:
    """Mask of the available tools, [num_tools]; all tools if the sample lists none."""
    mask = np.zeros(max(1, len(labels.tools)), dtype=np.uint8)
    if not conversation.tools:
        mask[: len(labels.tools)] = 1
    known = [labels.tool_of(tool.function) for tool in conversation.tools]
    mask[[tool for tool in known if tool >= 0]] = 1
    return mask


def _tool_label(sample: Sample, labels: Labels) -> int:
    if sample.tool is None:
        return NONE
    tool = labels.called(sample.tool.name, sample.tools)
    return tool if tool >= 0 else UNKNOWN_TOOL


def _field_labels(
    fields: Sequence[Field], values: Mapping[str, Any], asked: Iterable[int], finder: TokenSpans
) -> FieldLabels:
    presence = np.full(len(fields), NONE, dtype=np.int8)
    choices = np.full(len(fields), NONE, dtype=np.int16)
    spans: list[tuple[int, int, int]] = []
    cut_values = 0
    for channel in sorted(asked):
        field = fields[channel]
        value = values.get(field.name)
        presence[channel] = not is_empty(value)
        if is_empty(value):
            continue
        if field.kind == "choice":
            choices[channel] = field.choice_of(value)
        places = finder.find(value, field.meant)
        if field.kind == "span" and not places:
            cut_values += finder.is_cut_off(value, field.meant)
            places = [(NOWHERE, NOWHERE)]
        spans += [(channel, start, end) for start, end in places]
    rows = np.array(spans, dtype=np.int32).reshape(-1, 3)
    return FieldLabels(presence, choices, rows, cut_values)
