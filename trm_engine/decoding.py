"""Decoding: logits of one supervision step to decisions, tools, values and calls."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from trm_engine.data.labels import Field, Labels
from trm_engine.models.heads import TRMOutput


@dataclass(frozen=True)
class Decoded:
    """A batch's predictions at one step as numpy arrays: B samples, T tools, F channels.

    ``decision``, ``q`` [B] probabilities; ``tools`` [B, T] probabilities among the tools on offer
    (all 0 if none of them is known); presences [B, F] probabilities; spans [B, F, 2] first and
    last token; choices [B, F].
    """

    decision: np.ndarray
    q: np.ndarray
    tools: np.ndarray
    slot_presence: np.ndarray
    slot_spans: np.ndarray
    slot_choices: np.ndarray
    arg_presence: np.ndarray
    arg_spans: np.ndarray
    arg_choices: np.ndarray


@dataclass(frozen=True)
class TokenTexts:
    """Where a sample's tokens stand: turn and character offsets, [L] each, over turns' texts."""

    texts: list[str]
    turns: np.ndarray
    begins: np.ndarray
    ends: np.ndarray

    def text(self, span: np.ndarray) -> str:
        """The exact text from a span's first to its last token, within one turn."""
        start, end = int(span[0]), int(span[1])
        if start < 0 or self.turns[start] < 0:
            return ""
        return self.texts[self.turns[start]][self.begins[start] : self.ends[end]]


@torch.no_grad()
def decode(
    output: TRMOutput, text_mask: Tensor, turn_ids: Tensor, tool_mask: Tensor, max_span: int
) -> Decoded:
    """Decode one step's output; ``text_mask``, ``turn_ids`` [B, L], ``tool_mask`` [B, T]."""
    is_text = text_mask.bool()
    slot_spans = best_spans(
        output.slot_start_logits, output.slot_end_logits, is_text, turn_ids, max_span
    )
    arg_spans = best_spans(
        output.arg_start_logits, output.arg_end_logits, is_text, turn_ids, max_span
    )
    offered = tool_mask.bool()
    tools = output.tool_logits.masked_fill(~offered, float("-inf")).softmax(dim=-1)
    return Decoded(
        decision=output.decision_logits[:, 0].sigmoid().cpu().numpy(),
        q=output.q_logits[:, 0].sigmoid().cpu().numpy(),
        tools=torch.where(offered, tools, 0.0).cpu().numpy(),
        slot_presence=output.slot_presence_logits.sigmoid().cpu().numpy(),
        slot_spans=slot_spans.cpu().numpy(),
        slot_choices=_choices(output.slot_choice_logits),
        arg_presence=output.arg_presence_logits.sigmoid().cpu().numpy(),
        arg_spans=arg_spans.cpu().numpy(),
        arg_choices=_choices(output.arg_choice_logits),
    )


def best_spans(
    starts: Tensor, ends: Tensor, is_text: Tensor, turn_ids: Tensor, max_span: int
) -> Tensor:
    """The likeliest span of each channel: start <= end, in one turn, text only.

    starts, ends [B, L, F]; is_text, turn_ids [B, L]. Returns [B, F, 2], -1 where there is no text.
    """
    starts = starts.masked_fill(~is_text[..., None], float("-inf")).mT  # (b f l)
    ends = ends.masked_fill(~is_text[..., None], float("-inf")).mT
    length = starts.shape[-1]
    best = starts + ends
    widths = torch.zeros_like(best, dtype=torch.long)
    for width in range(1, min(max_span, length)):
        same_turn = turn_ids[:, None, :-width] == turn_ids[:, None, width:]
        scores = starts[..., :-width] + ends[..., width:]
        better = same_turn & (scores > best[..., :-width])
        best[..., :-width] = torch.where(better, scores, best[..., :-width])
        widths[..., :-width] = torch.where(better, width, widths[..., :-width])
    score, first = best.max(dim=-1)
    last = first + widths.gather(-1, first[..., None])[..., 0]
    spans = torch.stack((first, last), dim=-1)
    return spans.masked_fill(score[..., None] == float("-inf"), -1)


def field_value(field: Field, choice: int, span: np.ndarray, texts: TokenTexts) -> str:
    """A present field's value as text."""
    if field.kind == "choice":
        return field.values[min(int(choice), len(field.values) - 1)]
    return texts.text(span)


def predicted_tool(tools: np.ndarray) -> int:
    """The likeliest tool on offer of [T] probabilities; -1 if none is known."""
    return int(tools.argmax()) if tools.any() else -1


def slot_values(decoded: Decoded, row: int, labels: Labels, texts: TokenTexts) -> dict[str, str]:
    """Every slot's predicted value, "" where it is predicted empty."""
    return {
        slot.name: field_value(
            slot, decoded.slot_choices[row, i], decoded.slot_spans[row, i], texts
        )
        if decoded.slot_presence[row, i] > 0.5
        else ""
        for i, slot in enumerate(labels.slots)
    }


def argument_values(
    decoded: Decoded, row: int, tool: int, labels: Labels, texts: TokenTexts
) -> dict[str, str]:
    """The predicted arguments of a call of ``tool``, those predicted absent left out."""
    channels = [i for i in labels.parameters[tool] if decoded.arg_presence[row, i] > 0.5]
    return {
        labels.args[i].name: field_value(
            labels.args[i], decoded.arg_choices[row, i], decoded.arg_spans[row, i], texts
        )
        for i in channels
    }


def _choices(logits: Tensor) -> np.ndarray:
    """argmax over the last axis, which may be empty."""
    if not logits.shape[-1]:
        return np.full(logits.shape[:-1], -1)
    return logits.argmax(dim=-1).cpu().numpy()
