"""Decoding: from the logits of one supervision step to decisions, tools, values and spans."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from trm_engine.data.borders import is_border
from trm_engine.data.labels import Field, Labels
from trm_engine.models.heads import TRMOutput
from trm_engine.runs.schema.answers import PRESENT, Place
from trm_engine.vocabulary import BEGINS_WORD, ENDS_WORD

LEAST_PENALTY = 1.0
"""An argument is missing if its penalty on the decision's logit is at least this large."""


@dataclass(frozen=True)
class Decoded:
    """The predictions for a batch at one step, as numpy arrays: B samples, T tools, F channels.

    ``decision`` and ``q`` [B] are probabilities. ``tools`` [B, T] is the distribution over the
    available tools, all 0 if none of them is known; ``next_tools`` [B, T] is the same for the call
    after an answer. Presences [B, F] are probabilities. Spans [B, F, 2] are the first and the last
    token. Choices [B, F] are indices. ``missing_penalty`` [B, A] is as in ``TRMOutput``.
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

    def coming_tools(self, row: int) -> np.ndarray:
        """The tool probabilities [T] of a sample: of its call, or of the call after an answer."""
        tools = self.tools if self.decision[row] > 0.5 else self.next_tools
        return np.asarray(tools[row])


@dataclass(frozen=True)
class TokenTexts:
    """The position of each token of a sample: turn and character offsets [L] in ``texts``."""

    texts: list[str]
    turns: np.ndarray
    begins: np.ndarray
    ends: np.ndarray

    def place(self, span: np.ndarray) -> Place | None:
        """The position of a span, which lies within one turn; None if it has no text."""
        first, last = int(span[0]), int(span[1])
        if first < 0 or self.turns[first] < 0:
            return None
        return Place(int(self.turns[first]), int(self.begins[first]), int(self.ends[last]))

    def word(self, first: int) -> Place | None:
        """The position from a token to the end of its word; None if it has no text."""
        last = first
        while (place := self.place(np.array([first, last]))) is not None:
            text, after = self.texts[place.turn], last + 1
            is_last = after == len(self.turns) or self.turns[after] != place.turn
            if is_last or is_border(text, place.end):
                break
            last = after
        return place

    def text(self, span: np.ndarray) -> str:
        """The text of a span, which lies within one turn; "" if it has none."""
        place = self.place(span)
        return "" if place is None else self.texts[place.turn][place.begin : place.end]


@dataclass(frozen=True)
class FieldValue:
    """A field's likeliest value, and the probability that it has one.

    ``place`` is the position of the value's span; for a choice, the word that its pointer marks.
    ``choice`` is the index of the choice, or -1 if the field is no choice.
    """

    field: Field
    presence: float
    text: str
    place: Place | None = None
    choice: int = -1

    @property
    def is_present(self) -> bool:
        """Whether the model predicts that the field has a value."""
        return self.presence > PRESENT


@torch.no_grad()
def decode(
    output: TRMOutput, text_flags: Tensor, turn_ids: Tensor, tool_mask: Tensor, max_span: int
) -> Decoded:
    """Decode the output of one step; ``text_flags``, ``turn_ids`` [B, L], ``tool_mask`` [B, T].

    Spans begin and end at word borders, as in training.
    """
    starts = torch.cat((output.slot_start_logits, output.arg_start_logits), dim=-1)
    ends = torch.cat((output.slot_end_logits, output.arg_end_logits), dim=-1)
    spans = best_spans(starts, ends, *value_borders(text_flags), turn_ids, max_span).cpu().numpy()
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
    )


def value_borders(text_flags: Tensor) -> tuple[Tensor, Tensor]:
    """Masks of the tokens that can begin a value and of those that can end one, [B, L] each."""
    return text_flags & BEGINS_WORD > 0, text_flags & ENDS_WORD > 0


def best_spans(
    starts: Tensor,
    ends: Tensor,
    can_begin: Tensor,
    can_end: Tensor,
    turn_ids: Tensor,
    max_span: int,
) -> Tensor:
    """The likeliest valid span of each channel: start <= end, within one turn.

    ``starts`` and ``ends`` [B, L, F] are logits; ``can_begin``, ``can_end`` and ``turn_ids`` are
    [B, L]. Returns first and last tokens [B, F, 2]; -1 if no span is valid.
    """
    starts = starts.mT.masked_fill(~can_begin[:, None], float("-inf"))  # (b f l)
    ends = ends.mT.masked_fill(~can_end[:, None], float("-inf"))
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


def read_value(
    field: Field, presence: float, choice: int, span: np.ndarray, texts: TokenTexts
) -> FieldValue:
    """Read the value of a field off its channel."""
    if field.kind == "choice":
        number = min(int(choice), len(field.values) - 1)
        place = texts.word(int(span[0]))
        return FieldValue(field, float(presence), field.values[number], place, number)
    return FieldValue(field, float(presence), texts.text(span), texts.place(span))


def predicted_tool(tools: np.ndarray) -> int:
    """The likeliest available tool, given probabilities [T]; -1 if none is known."""
    return int(tools.argmax()) if tools.any() else -1


def read_slots(decoded: Decoded, row: int, labels: Labels, texts: TokenTexts) -> list[FieldValue]:
    """The likeliest value of every slot, including those predicted empty."""
    channels = zip(
        labels.slots,
        decoded.slot_presence[row],
        decoded.slot_choices[row],
        decoded.slot_spans[row],
        strict=True,
    )
    return [read_value(*channel, texts) for channel in channels]


def read_arguments(
    decoded: Decoded, row: int, tool: int, labels: Labels, texts: TokenTexts
) -> list[FieldValue]:
    """The likeliest value of every parameter of ``tool``, including those predicted absent."""
    presences, choices = decoded.arg_presence[row], decoded.arg_choices[row]
    spans = decoded.arg_spans[row]
    return [
        read_value(labels.args[i], presences[i], choices[i], spans[i], texts)
        for i in labels.parameters[tool]
    ]


def slot_values(decoded: Decoded, row: int, labels: Labels, texts: TokenTexts) -> dict[str, str]:
    """The predicted value of every slot; "" if it is predicted empty."""
    values = read_slots(decoded, row, labels, texts)
    return {value.field.name: value.text if value.is_present else "" for value in values}


def argument_values(
    decoded: Decoded, row: int, tool: int, labels: Labels, texts: TokenTexts
) -> dict[str, str]:
    """The predicted arguments of a call of ``tool``, without those predicted absent."""
    values = read_arguments(decoded, row, tool, labels, texts)
    return {value.field.name: value.text for value in values if value.is_present}


def missing_arguments(decoded: Decoded, row: int, tool: int, labels: Labels) -> dict[str, float]:
    """The missing arguments of the next call (of ``tool``) with their penalties, largest first."""
    penalties = decoded.missing_penalty[row]
    own = {labels.args[arg].name: float(penalties[arg]) for arg in labels.parameters[tool]}
    missing = {name: penalty for name, penalty in own.items() if penalty >= LEAST_PENALTY}
    return dict(sorted(missing.items(), key=lambda each: -each[1]))


def _among_offered(logits: Tensor, offered: Tensor) -> np.ndarray:
    """Softmax over the available tools, 0 for all others; [B, T] each."""
    probabilities = logits.masked_fill(~offered, float("-inf")).softmax(dim=-1)
    return probabilities.where(offered, 0.0).cpu().numpy()


def _choices(logits: Tensor) -> np.ndarray:
    """argmax over the last axis, which may be empty."""
    if not logits.shape[-1]:
        return np.full(logits.shape[:-1], -1)
    return logits.argmax(dim=-1).cpu().numpy()
