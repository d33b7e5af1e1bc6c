"""Graphs: the model as two functions of tensors, which a tracer can follow.

``ReadGraph`` reads a catalogue. ``StepGraph`` is one supervision step with the heads; y and z go in
and out, so that steps can stop early. Both use the model's own modules. Only the layout is another:
each sample reads its own tokens, and nothing depends on the numbers in a tensor.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from trm_engine.data.catalogue_tokens import CatalogueTokens
from trm_engine.exports.signature import SAID, STATES
from trm_engine.models.heads import TRMOutput
from trm_engine.models.layout import (
    NUM_RECENCIES,
    REGISTER_RECENCY,
    Context,
    Layout,
    bias_of,
    token_bias_of,
    turn_numbers,
    turn_recency,
)
from trm_engine.models.readings import Readings
from trm_engine.models.recursion import State
from trm_engine.models.rotary import rope_tables
from trm_engine.models.trm import TRMForToolCalling
from trm_engine.vocabulary import EOS_ID


class OwnTokens(Layout):
    """The layout of samples that read their own tokens: B sequences, and no rounding of sizes."""

    def split(self, h: Tensor) -> tuple[Tensor, Tensor]:
        samples, _, _, length = self.token_bias.shape
        registers = self.register_bias.shape[-1] - length
        border = samples * length
        return (
            h[:border].reshape(samples, length, *h.shape[1:]),
            h[border:].reshape(samples, registers, *h.shape[1:]),
        )

    def join(self, tokens: Tensor, registers: Tensor) -> Tensor:
        return torch.cat((tokens.flatten(0, 1), registers.flatten(0, 1)))

    def for_samples(self, tokens: Tensor) -> Tensor:
        return tokens

    def matmul(self, rows: Tensor, tokens: Tensor) -> Tensor:
        return rows @ tokens


def own_tokens(
    input_ids: Tensor, token_mask: Tensor, register_mask: Tensor, head_size: int, theta: float
) -> OwnTokens:
    """The layout; input_ids, token_mask [B, L], register_mask [B, R]. See ``batch_layout``."""
    samples, length = input_ids.shape
    registers = register_mask.shape[1]
    places = torch.arange(length, device=input_ids.device).expand(samples, length)
    ends = token_mask.sum(dim=1, keepdim=True).expand(samples, registers)
    recency = pad(turn_recency(input_ids), (registers, 0), value=REGISTER_RECENCY)
    classes = torch.arange(NUM_RECENCIES, device=input_ids.device)
    unused = input_ids
    return OwnTokens(
        *rope_tables(torch.cat((places.reshape(-1), ends.reshape(-1))), head_size, theta),
        token_bias_of(turn_numbers(input_ids), token_mask),
        bias_of(torch.cat((register_mask, token_mask), dim=1))[:, None, None],
        *(unused, unused, unused),
        (recency[..., None] == classes).float(),
    )


class ReadGraph(nn.Module):
    """A catalogue to its readings; see ``TRMForToolCalling.read``."""

    def __init__(self, model: TRMForToolCalling) -> None:
        super().__init__()
        self.model = model

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """ids, parts [E, L], kinds [E], values [F, V, M] to summaries [E, D], words [E, L, D],
        word_mask [E, L], values [F, V, 3, D] and value_mask [F, V]."""
        ids, parts, kinds, values = inputs
        model, embedding = self.model, self.model.embedding
        words, registers = embedding.entries(ids, parts, kinds)
        mask = ids > 0
        layout = own_tokens(
            ids, mask, torch.ones_like(mask[:, :1]), embedding.head_size, embedding.rope_theta
        )
        none = mask[:, :0]
        context = Context(layout.join(words, registers), layout, ids, mask, none, none.long())
        y, _ = _improved(model, context, model.start(context))
        summaries, states = model.entry_readings(y, context)
        return summaries, states, mask, *model.value_readings(values)


class Catalogue(NamedTuple):
    """What a step needs of a catalogue and its readings; T tools, S slots, A arguments.

    ``tools`` [T, D], ``slots`` [S, D] and ``args`` [A, D] are the summaries of each kind; the
    others are as in ``Readings`` and ``CatalogueTokens``.
    """

    tools: Tensor
    slots: Tensor
    args: Tensor
    words: Tensor
    word_mask: Tensor
    values: Tensor
    value_mask: Tensor
    accepted: Tensor
    required: Tensor
    arg_slots: Tensor

    def readings(self) -> Readings:
        """As the heads take them. Tokens and kinds of the entries are not needed any more."""
        none = self.arg_slots
        catalogue = CatalogueTokens(
            ids=none,
            parts=none,
            kinds=none,
            values=self.value_mask,  # for its size
            accepted=self.accepted,
            required=self.required,
            arg_slots=self.arg_slots,
        )
        summaries = torch.cat((self.tools, self.slots, self.args))
        given = self.words, self.word_mask, self.values, self.value_mask
        return Readings(summaries, *given, catalogue)


class Conversations(NamedTuple):
    """B conversations [B, L], the tools on offer [B, T], and those of their registers [B, K]."""

    input_ids: Tensor
    role_ids: Tensor
    text_flags: Tensor
    attention_mask: Tensor
    tool_mask: Tensor
    tool_places: Tensor


ANSWERS = tuple(
    name for name in TRMOutput.__dataclass_fields__ if name not in ("y", "z", "steps_used")
)
"""The fields of ``TRMOutput`` that a step gives."""

STEP_INPUTS = (*Conversations._fields, *Catalogue._fields, *SAID, *STATES)
STEP_OUTPUTS = (*ANSWERS, *(f"next_{name}" for name in STATES))


class StepGraph(nn.Module):
    """One supervision step: STEP_INPUTS to STEP_OUTPUTS."""

    def __init__(self, model: TRMForToolCalling) -> None:
        super().__init__()
        self.model = model

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        model, embedding = self.model, self.model.embedding
        asked = Conversations(*inputs[: len(Conversations._fields)])
        after = len(Conversations._fields) + len(Catalogue._fields)
        readings = Catalogue(*inputs[len(Conversations._fields) : after]).readings()
        y_tokens, y_registers, z_tokens, z_registers = inputs[after + len(SAID) :]
        words = embedding.words(asked.input_ids, asked.role_ids, asked.text_flags)
        registers = embedding.register_vectors(readings, asked.tool_places)
        has_tool = asked.tool_mask.gather(1, asked.tool_places)
        fixed = registers[:, : registers.shape[1] - has_tool.shape[1], 0]
        has_register = torch.cat((torch.ones_like(fixed, dtype=torch.bool), has_tool), dim=1)
        token_mask = (asked.attention_mask > 0) & (asked.input_ids != EOS_ID)
        layout = own_tokens(
            asked.input_ids, token_mask, has_register, embedding.head_size, embedding.rope_theta
        )
        x = layout.join(words, registers)
        context = Context(
            *(x, layout, asked.input_ids, token_mask, asked.tool_mask, asked.tool_places),
            readings,
            inputs[after : after + len(SAID)],
        )
        state = layout.join(y_tokens, y_registers), layout.join(z_tokens, z_registers)
        y, z = _improved(model, context, state)
        output: TRMOutput = model.heads(y, z, context)
        answers = (getattr(output, name) for name in ANSWERS)
        return *answers, *layout.split(y), *layout.split(z)


def _improved(model: TRMForToolCalling, context: Context, state: State) -> State:
    """One supervision step, of which nothing is trained."""
    for _ in range(model.core.T):
        state = model.core.latent_recursion(context.x, *state, context.layout)
    return state
