"""Decoding: from the logits of one supervision step to decisions, tools, values and spans."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from trm_engine.data.labels import Labels
from trm_engine.models.heads import TRMOutput
from trm_engine.vocabulary import BEGINS_WORD, ENDS_WORD, NOWHERE

CANDIDATES = 16
"""Spans of a channel that are looked at if the likeliest one is no valid value."""

LIKELY = 8
"""Starts, and ends of each, that candidates have."""


@dataclass(frozen=True)
class Alternatives:
    """What else the arguments of a batch could be, likeliest first. Read only where needed.

    ``starts`` and ``ends`` [B, F, L] are logits, -inf where no value begins or ends; ``turn_ids``
    [B, L]; ``choices`` [B, F, V] are logits. A span has at most ``max_span`` tokens.
    """

    starts: Tensor
    ends: Tensor
    turn_ids: Tensor
    choices: Tensor
    max_span: int

    def spans(self, row: int, channel: int) -> list[np.ndarray]:
        """The likeliest spans of a channel."""
        starts, ends = self.starts[row, channel].cpu(), self.ends[row, channel].cpu()
        turns = self.turn_ids[row].cpu()
        found: list[tuple[float, int, int]] = []
        for first in starts.topk(min(LIKELY, len(starts))).indices.tolist():
            within = ends[first : first + self.max_span].clone()
            within[turns[first : first + self.max_span] != turns[first]] = float("-inf")
            scores, lasts = within.topk(min(LIKELY, len(within)))
            total = (scores + starts[first]).tolist()
            found += zip(total, [first] * len(total), (lasts + first).tolist(), strict=True)
        found = [each for each in found if each[0] > float("-inf")]
        best = sorted(found, key=lambda each: -each[0])[:CANDIDATES]
        return [np.array(span) for _, *span in best]

    def values(self, row: int, channel: int) -> list[int]:
        """The choices of a channel."""
        order: list[int] = self.choices[row, channel].argsort(descending=True).tolist()
        return order


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
        is_choice = np.array([field.kind == "choice" for field in labels.args], bool)
        return np.where(is_choice, self.arg_choices_right, self.arg_spans_right)


@torch.no_grad()
def decode(
    output: TRMOutput, text_flags: Tensor, turn_ids: Tensor, tool_mask: Tensor, max_span: int
) -> Decoded:
    """Decode the output of one step; ``text_flags``, ``turn_ids`` [B, L], ``tool_mask`` [B, T].

    Spans begin and end at word borders, as in training, or are NOWHERE.
    """
    starts = torch.cat((output.slot_start_logits, output.arg_start_logits), dim=-1)
    ends = torch.cat((output.slot_end_logits, output.arg_end_logits), dim=-1)
    starts, ends = at_borders(starts, ends, *value_borders(text_flags))
    best = best_spans(starts, ends, turn_ids, max_span)
    right_spans = span_probabilities(starts, ends, best)
    spans = best.cpu().numpy()
    slots = output.slot_presence_logits.shape[-1]
    return Decoded(
        decision=output.decision_logits[:, 0].double().sigmoid().cpu().numpy(),
        q=output.q_logits[:, 0].double().sigmoid().cpu().numpy(),
        tools=_among_offered(output.tool_logits, tool_mask.bool()),
        next_tools=_among_offered(output.next_tool_logits, tool_mask.bool()),
        slot_presence=output.slot_presence_logits.sigmoid().cpu().numpy(),
        slot_spans=spans[:, :slots],
        slot_choices=_choices(output.slot_choice_logits),
        arg_presence=output.arg_presence_logits.sigmoid().cpu().numpy(),
        arg_spans=spans[:, slots:],
        arg_choices=_choices(output.arg_choice_logits),
        missing_penalty=output.missing_penalty.cpu().numpy(),
        arg_spans_right=right_spans[:, slots:].cpu().numpy(),
        arg_choices_right=_likeliest(output.arg_choice_logits),
        alternatives=Alternatives(
            starts[:, slots:], ends[:, slots:], turn_ids, output.arg_choice_logits, max_span
        ),
    )


def value_borders(text_flags: Tensor) -> tuple[Tensor, Tensor]:
    """Masks of the tokens that can begin a value and of those that can end one, [B, L] each.

    NOWHERE can do both.
    """
    begins, ends = text_flags & BEGINS_WORD > 0, text_flags & ENDS_WORD > 0
    begins[:, NOWHERE] = ends[:, NOWHERE] = True
    return begins, ends


def at_borders(
    starts: Tensor, ends: Tensor, can_begin: Tensor, can_end: Tensor
) -> tuple[Tensor, Tensor]:
    """Logits [B, L, F] as [B, F, L], -inf for tokens that begin or end no value, masks [B, L]."""
    return (
        starts.mT.masked_fill(~can_begin[:, None], float("-inf")),
        ends.mT.masked_fill(~can_end[:, None], float("-inf")),
    )


def best_spans(starts: Tensor, ends: Tensor, turn_ids: Tensor, max_span: int) -> Tensor:
    """The likeliest valid span of each channel: start <= end, within one turn.

    ``starts`` and ``ends`` [B, F, L] are logits, -inf where there is no border; ``turn_ids`` are
    [B, L]. Returns first and last tokens [B, F, 2]; -1 if no span is valid.
    """
    ends, lasts = _best_ends(ends, turn_ids, max_span)
    score, first = (starts + ends).max(dim=-1)
    last = lasts.gather(-1, first[..., None])[..., 0]
    spans = torch.stack((first, last), dim=-1)
    return spans.masked_fill(score[..., None] == float("-inf"), -1)


def _best_ends(ends: Tensor, turn_ids: Tensor, max_span: int) -> tuple[Tensor, Tensor]:
    """For each first token, the likeliest last one in its turn: logit and index, [B, F, L] each.

    This is a sliding-window maximum by doubling: the best in a window of 2w tokens is the better of
    the best in its two halves. The last window is ``max_span`` wide.
    """
    best = ends.clone()
    places = torch.arange(ends.shape[-1], device=ends.device).expand_as(ends).clone()
    window, widest = 1, min(max_span, ends.shape[-1])
    while window < widest:
        shift = min(window, widest - window)
        same_turn = turn_ids[:, None, :-shift] == turn_ids[:, None, shift:]
        better = same_turn & (best[..., shift:] > best[..., :-shift])
        for each in (best, places):
            each[..., :-shift] = torch.where(better, each[..., shift:], each[..., :-shift])
        window += shift
    return best, places


def span_probabilities(starts: Tensor, ends: Tensor, spans: Tensor) -> Tensor:
    """P(start) P(end) of spans [B, F, 2] among all tokens at borders, [B, F]; 0 without a span.

    ``starts`` and ``ends`` are as in ``best_spans``.
    """
    places = spans.clamp(min=0)
    logs = [
        logits.log_softmax(dim=-1).gather(-1, places[..., side, None])[..., 0]
        for side, logits in enumerate((starts, ends))
    ]
    return (logs[0] + logs[1]).exp().masked_fill(spans[..., 0] < 0, 0.0)


def predicted_tool(tools: np.ndarray) -> int:
    """The likeliest available tool, given probabilities [T]; -1 if none is known."""
    return int(tools.argmax()) if tools.any() else -1


def _among_offered(logits: Tensor, offered: Tensor) -> np.ndarray:
    """Softmax over the available tools, 0 for all others; [B, T] each."""
    probabilities = logits.masked_fill(~offered, float("-inf")).softmax(dim=-1)
    return probabilities.where(offered, 0.0).cpu().numpy()


def _choices(logits: Tensor) -> np.ndarray:
    """argmax over the last axis, which may be empty."""
    if not logits.shape[-1]:
        return np.full(logits.shape[:-1], -1)
    return logits.argmax(dim=-1).cpu().numpy()


def _likeliest(logits: Tensor) -> np.ndarray:
    """The largest of softmax(logits) over the last axis; 1 if that is empty."""
    if not logits.shape[-1]:
        return np.ones(logits.shape[:-1])
    return logits.softmax(dim=-1).max(dim=-1).values.cpu().numpy()
