"""TRMOutput: the answer of one supervision step."""

from __future__ import annotations

from dataclasses import dataclass, fields

from torch import Tensor


@dataclass
class TRMOutput:
    """One step's answer for B samples, L tokens, T tools, S slots, A argument channels, V choices.

    The first ten fields are the specification's. Span logits of padding and logits of tools that
    may not be called are MASKED_LOGIT.

    Attributes:
        decision_logits: a tool is called rather than an answer given, [B, 1].
        tool_logits: which tool a call made now has, [B, T].
        arg_start_logits, arg_end_logits: where an argument's value begins and ends, [B, L, A].
        slot_start_logits, slot_end_logits: where a slot's value begins and ends, [B, L, S].
        slot_presence_logits: whether a slot is filled, [B, S].
        q_logits: whether the answer is right, [B, 1].
        y, z: the tokens' states after the step, [B, L, D].
        next_tool_logits: which tool the next call has, made now or later, [B, T].
        arg_presence_logits: whether an argument's value is known, [B, A].
        missing_penalty: what each argument that the next call lacks takes off log P of a
            decision to make that call, [B, A].
        slot_choice_logits, arg_choice_logits: which of its listed values a field has, [B, S, V] and
            [B, A, V].
        steps_used: the step at which each sample halted, [B]; None without halting.
    """

    decision_logits: Tensor
    tool_logits: Tensor
    arg_start_logits: Tensor
    arg_end_logits: Tensor
    slot_start_logits: Tensor
    slot_end_logits: Tensor
    slot_presence_logits: Tensor
    q_logits: Tensor
    y: Tensor
    z: Tensor
    next_tool_logits: Tensor
    arg_presence_logits: Tensor
    missing_penalty: Tensor
    slot_choice_logits: Tensor
    arg_choice_logits: Tensor
    steps_used: Tensor | None = None

    def put_rows(self, rows: Tensor, other: TRMOutput) -> None:
        """Write the samples of ``other`` over the samples ``rows``, in place."""
        for each in fields(self):
            mine, theirs = getattr(self, each.name), getattr(other, each.name)
            if isinstance(mine, Tensor) and isinstance(theirs, Tensor):
                mine[rows] = theirs
