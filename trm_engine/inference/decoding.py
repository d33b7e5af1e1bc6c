"""Decoding: from the logits of one supervision step to decisions, tools, values and spans."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

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
    alternatives: Alternatives | None = None

    def coming_tools(self, row: int) -> np.ndarray:
        """The tool probabilities [T] of a sample: of its call, or of the call after an answer."""
        tools = self.tools if self.decision[row] > 0.5 else self.next_tools
        return np.asarray(tools[row])


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
    spans = best_spans(starts, ends, turn_ids, max_span).cpu().numpy()
    slots = output.slot_presence_logits.shape[-1]
    return Decoded(
        decision=output.decision_logits[:, 0].sigmoid().cpu().numpy(),
        q=output.q_logits[:, 0].sigmoid().cpu().numpy(),
        tools=_among_offered(output.tool_logits, tool_mask.bool()),
        next_tools=_among_offered(output.next_tool_logits, tool_mask.bool()),
        slot_presence=output.slot_presence_logits.sigmoid().cpu().numpy(),
        slot_spans=spans[:, :slots],
        slot_choices=_choices(output.slot_choice_logits),
        arg_presence=output.arg_presence_logits.sigmoid().cpu().numpy(),
        arg_spans=spans[:, slots:],
        arg_choices=_choices(output.arg_choice_logits),
        missing_penalty=output.missing_penalty.cpu().numpy(),
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
