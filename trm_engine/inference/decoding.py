"""Decoding: from the logits of one supervision step to decisions, tools, values and spans.

It works on numpy arrays, so that the model may run on anything. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np

from trm_engine.data.catalogue_tokens import Array
from trm_engine.data.labels import Labels
from trm_engine.vocabulary import BEGINS_WORD, ENDS_WORD, NOWHERE

CANDIDATES = 16
"""Spans of a channel that are looked at if the likeliest one is no valid value."""

CALLED = 1.0
"""What it adds to the logit of a field's presence that an earlier call used it."""

FAR = 2.0**24
"""Much more than two logits differ by. Tokens that can end a value are in turns 0, 1, ..."""

LIKELY = 8
"""Starts, and ends of each, that candidates have."""


@dataclass(frozen=True)
class Alternatives:
    """What else the arguments of a batch could be, likeliest first. Read only where needed.

    ``starts`` and ``ends`` [B, F, L] are logits, -inf where no value begins or ends; ``turn_ids``
    [B, L]; ``choices`` [B, A, V] are logits. A span has at most ``max_span`` tokens. ``channels``
    says which arguments the F are, in order; None for all.
    """

    starts: np.ndarray
    ends: np.ndarray
    turn_ids: np.ndarray
    choices: np.ndarray
    max_span: int
    channels: list[int] | None = None

    def probability(self, row: int, channel: int, which: int | np.ndarray) -> float:
        """That of a choice, or P(start) P(end) of a span."""
        if isinstance(which, int):
            return float(softmax(self.choices[row, channel])[which])
        sides = zip(self._borders(row, channel), which, strict=True)
        return float(np.exp(sum(logits[token] - log_sum_exp(logits) for logits, token in sides)))

    def _borders(self, row: int, channel: int) -> tuple[np.ndarray, np.ndarray]:
        """The starts and ends [L] of a channel."""
        place = channel if self.channels is None else self.channels.index(channel)
        return self.starts[row, place], self.ends[row, place]

    def spans(self, row: int, channel: int) -> list[np.ndarray]:
        """The likeliest spans of a channel."""
        starts, ends = self._borders(row, channel)
        turns = self.turn_ids[row]
        found: list[tuple[float, int, int]] = []
        for first in _largest(starts):
            window = slice(first, first + self.max_span)
            within = np.where(turns[window] == turns[first], ends[window], -np.inf)
            found += [
                (float(starts[first] + within[last]), first, first + last)
                for last in _largest(within)
            ]
        found = [each for each in found if each[0] > -np.inf]
        best = sorted(found, key=lambda each: -each[0])[:CANDIDATES]
        return [np.array(span) for _, *span in best]

    def values(self, row: int, channel: int) -> list[int]:
        """The choices of a channel."""
        order: list[int] = np.argsort(-self.choices[row, channel], kind="stable").tolist()
        return order


def _largest(logits: np.ndarray) -> list[int]:
    """The places of the LIKELY largest, largest first."""
    order: list[int] = np.argsort(-logits, kind="stable")[:LIKELY].tolist()
    return order


@dataclass(frozen=True)
class Logits:
    """One step's answer as numpy arrays; the fields are those of ``TRMOutput``."""

    decision_logits: np.ndarray
    tool_logits: np.ndarray
    arg_start_logits: np.ndarray
    arg_end_logits: np.ndarray
    slot_start_logits: np.ndarray
    slot_end_logits: np.ndarray
    slot_presence_logits: np.ndarray
    q_logits: np.ndarray
    next_tool_logits: np.ndarray
    arg_presence_logits: np.ndarray
    missing_penalty: np.ndarray
    slot_choice_logits: np.ndarray
    arg_choice_logits: np.ndarray

    @classmethod
    def of(cls, output: Any) -> Self:
        """Those of a ``TRMOutput``, whose tensors are on any device."""
        return cls(**{each.name: as_array(getattr(output, each.name)) for each in fields(cls)})


def as_array(values: Array) -> np.ndarray:
    """A tensor on any device, or an array, as an array."""
    if isinstance(values, np.ndarray):
        return values
    array: np.ndarray = values.detach().cpu().numpy()
    return array


@dataclass(frozen=True)
class Decoded:
    """The predictions for a batch at one step, as numpy arrays: B samples, T tools, F channels.

    ``decision`` and ``q`` [B] are probabilities. ``tools`` [B, T] is the distribution over the
    available tools, all 0 if none of them is known; ``next_tools`` [B, T] is the same for the call
    after an answer. Presences [B, F] are probabilities. Spans [B, F, 2] are the first and the last
    token. Choices [B, F] are indices. ``missing_penalty`` [B, A] is as in ``TRMOutput``.
    ``alternatives`` are those of the arguments.
    ``arg_spans_right`` and ``arg_choices_right`` [B, A] are the probabilities of the arguments'
    spans and choices.
    """

    decision: np.ndarray
    q: np.ndarray
    tools: np.ndarray
    next_tools: np.ndarray
    slot_presence: np.ndarray
    slot_spans: np.ndarray
    slot_choices: np.ndarray
    arg_presence: np.ndarray
    arg_spans: np.ndarray
    arg_choices: np.ndarray
    missing_penalty: np.ndarray
    arg_spans_right: np.ndarray
    arg_choices_right: np.ndarray
    alternatives: Alternatives | None = None

    def coming_tools(self, row: int) -> np.ndarray:
        """The tool probabilities [T] of a sample: of its call, or of the call after an answer."""
        tools = self.tools if self.decision[row] > 0.5 else self.next_tools
        return np.asarray(tools[row])

    def arg_values(self, labels: Labels) -> np.ndarray:
        """The probability of each argument's likeliest value, [B, A]."""
        return np.where(labels.arg_is_choice, self.arg_choices_right, self.arg_spans_right)


def decode(
    logits: Logits,
    batch: Mapping[str, Array],
    max_span: int,
    only_present: bool = False,
    called: np.ndarray | None = None,
) -> Decoded:
    """Decode the output of one step for a batch with ``text_flags``, ``turn_ids`` [B, L] and
    ``tool_mask`` [B, T]. There may be logits of the first tokens only.

    Spans begin and end at word borders, as in training, or are NOWHERE. With ``only_present``
    those of fields that no sample has are not looked for, as if none were valid. ``called`` [B, F]
    says which slots, then arguments, an earlier call of the conversation used (``carried``).
    """
    length = logits.slot_start_logits.shape[1]
    text_flags, turn_ids = (
        as_array(batch[each])[:, :length] for each in ("text_flags", "turn_ids")
    )
    offered = as_array(batch["tool_mask"]).astype(bool)
    whole = logits.decision_logits, logits.q_logits
    presence = logits.slot_presence_logits, logits.arg_presence_logits
    chances = np.concatenate((*whole, *presence), axis=-1, dtype=np.float64)
    if called is not None:
        chances[:, 2:] += CALLED * called
    present = chances[:, 2:] > 0
    starts = np.concatenate((logits.slot_start_logits, logits.arg_start_logits), axis=-1)
    ends = np.concatenate((logits.slot_end_logits, logits.arg_end_logits), axis=-1)
    asked = np.ones(present.shape[1], bool)
    if only_present:
        asked[:] = present.any(axis=0)
        starts, ends = starts[..., asked], ends[..., asked]
    starts, ends = at_borders(starts, ends, *value_borders(text_flags))
    spans = np.full((*present.shape, 2), -1)
    spans[:, asked] = best_spans(starts, ends, turn_ids, max_span)
    slots = logits.slot_presence_logits.shape[-1]
    args = slice(slots, None)
    channels = asked[slots:].nonzero()[0]
    starts, ends = (each[:, int(asked[:slots].sum()) :] for each in (starts, ends))
    right = np.zeros(logits.arg_presence_logits.shape, np.float32)
    right[:, channels] = span_probabilities(starts, ends, spans[:, slots + channels])
    chances = sigmoid(chances)
    tools = _among_offered(np.stack((logits.tool_logits, logits.next_tool_logits)), offered)
    return Decoded(
        decision=chances[:, 0],
        q=chances[:, 1],
        tools=tools[0],
        next_tools=tools[1],
        slot_presence=chances[:, 2 : 2 + slots],
        slot_spans=spans[:, :slots],
        slot_choices=_choices(logits.slot_choice_logits),
        arg_presence=chances[:, 2 + slots :],
        arg_spans=spans[:, args],
        arg_choices=_choices(logits.arg_choice_logits),
        missing_penalty=logits.missing_penalty,
        arg_spans_right=right,
        arg_choices_right=_likeliest(logits.arg_choice_logits),
        alternatives=Alternatives(
            starts, ends, turn_ids, logits.arg_choice_logits, max_span, channels.tolist()
        ),
    )


def value_borders(text_flags: Array) -> tuple[Array, Array]:
    """Masks of the tokens that can begin a value and of those that can end one, [B, L] each.

    NOWHERE can do both. It takes and gives arrays or tensors.
    """
    begins, ends = text_flags & BEGINS_WORD > 0, text_flags & ENDS_WORD > 0
    begins[:, NOWHERE] = ends[:, NOWHERE] = True
    return begins, ends


def at_borders(
    starts: np.ndarray, ends: np.ndarray, can_begin: np.ndarray, can_end: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Logits [B, L, F] as [B, F, L], -inf for tokens that begin or end no value, masks [B, L]."""
    minus = np.float32(-np.inf)
    # Contiguous: what follows goes along L.
    starts, ends = (np.ascontiguousarray(each.swapaxes(1, 2)) for each in (starts, ends))
    return np.where(can_begin[:, None], starts, minus), np.where(can_end[:, None], ends, minus)


def best_spans(
    starts: np.ndarray, ends: np.ndarray, turn_ids: np.ndarray, max_span: int
) -> np.ndarray:
    """The likeliest valid span of each channel: start <= end, within one turn.

    ``starts`` and ``ends`` [B, F, L] are logits, -inf where there is no border; ``turn_ids`` are
    [B, L]. Returns first and last tokens [B, F, 2]; -1 if no span is valid.
    """
    scores = starts + _best_ends(ends, turn_ids, max_span)
    first = scores.argmax(axis=-1)[..., None]
    lasts = first + np.arange(max_span)  # (b f w)
    inside = np.minimum(lasts, ends.shape[-1] - 1)
    samples, fields = _places(starts)
    is_same = (turn_ids[samples, inside] == turn_ids[samples, first]) & (inside == lasts)
    minus = np.float32(-np.inf)
    last = np.where(is_same, ends[samples, fields, inside], minus).argmax(axis=-1)
    spans = np.concatenate((first, first + last[..., None]), axis=-1)
    return np.where(scores[samples, fields, first] == minus, -1, spans)


def _places(logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Samples [B, 1, 1] and fields [F, 1] of logits [B, F, L]."""
    samples, fields, _ = logits.shape
    return np.arange(samples)[:, None, None], np.arange(fields)[:, None]


def _best_ends(ends: np.ndarray, turn_ids: np.ndarray, max_span: int) -> np.ndarray:
    """For each first token, the logit of the likeliest last one in its turn, [B, F, L].

    This is a sliding-window maximum by doubling: the best in a window of 2w tokens is the better of
    the best in its two halves. The last window is ``max_span`` wide. Later turns are far below.
    """
    below = FAR * turn_ids[:, None]
    best = ends - below  # in fp64, which keeps the logits exact
    window, widest = 1, min(max_span, ends.shape[-1])
    while window < widest:
        shift = min(window, widest - window)
        np.maximum(best[..., :-shift], best[..., shift:], out=best[..., :-shift])
        window += shift
    best += below
    return np.where(best < -FAR / 2, -np.inf, best).astype(ends.dtype)


def span_probabilities(starts: np.ndarray, ends: np.ndarray, spans: np.ndarray) -> np.ndarray:
    """P(start) P(end) of spans [B, F, 2] among all tokens at borders, [B, F]; 0 without a span.

    ``starts`` and ``ends`` are as in ``best_spans``.
    """
    samples, fields = (each[..., 0] for each in _places(starts))
    logs = sum(
        each[samples, fields, spans[..., side]] - log_sum_exp(each)
        for side, each in enumerate((starts, ends))
    )
    return np.where(spans[..., 0] < 0, np.float32(0), np.exp(logs))


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)) without overflow, in the type of x."""
    smaller = np.exp(-np.abs(logits))
    probabilities: np.ndarray = np.where(logits >= 0, 1, smaller) / (1 + smaller)
    return probabilities


def softmax(logits: np.ndarray) -> np.ndarray:
    """Over the last axis, which is not empty; 0 for -inf, and NaN if all are that."""
    with np.errstate(invalid="ignore"):
        weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    shares: np.ndarray = weights / weights.sum(axis=-1, keepdims=True)
    return shares


def log_sum_exp(logits: np.ndarray) -> np.ndarray:
    """Over the last axis, which is not empty and has a finite number."""
    largest = logits.max(axis=-1)
    logs: np.ndarray = largest + np.log(np.exp(logits - largest[..., None]).sum(axis=-1))
    return logs


def predicted_tool(tools: np.ndarray) -> int:
    """The likeliest available tool, given probabilities [T]; -1 if none is known."""
    return int(tools.argmax()) if tools.any() else -1


def _among_offered(logits: np.ndarray, offered: np.ndarray) -> np.ndarray:
    """Softmax over the available tools, 0 for all others; logits [..., B, T], offered [B, T]."""
    probabilities = softmax(np.where(offered, logits, np.float32(-np.inf)))
    return np.where(offered, probabilities, np.float32(0))


def _choices(logits: np.ndarray) -> np.ndarray:
    """argmax over the last axis, which may be empty."""
    if not logits.shape[-1]:
        return np.full(logits.shape[:-1], -1)
    choices: np.ndarray = logits.argmax(axis=-1)
    return choices


def _likeliest(logits: np.ndarray) -> np.ndarray:
    """The largest of softmax(logits) over the last axis; 1 if that is empty."""
    if not logits.shape[-1]:
        return np.ones(logits.shape[:-1])
    largest: np.ndarray = softmax(logits).max(axis=-1)
    return largest
