"""Graphs: the model as functions of tensors, which a tracer can follow.

``ReadGraph`` reads a catalogue. ``StepGraph`` is one supervision step of one conversation with the
heads; y and z go in and out, so that steps can stop early. A conversation stands alone, and of
turns that were read before comes what later ones see of them. Nothing depends on the numbers in a
tensor.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from trm_engine.data.catalogue_tokens import CatalogueTokens
from trm_engine.exports.lean import LeanCore
from trm_engine.exports.signature import ANSWERS, NEXT, SAID, TOKENS, earlier_names
from trm_engine.models.heads import TRMOutput
from trm_engine.models.layout import (
    NUM_RECENCIES,
    OLDEST,
    REGISTER_RECENCY,
    Context,
    Layout,
    bias_of,
    token_bias_of,
    turn_numbers,
    turn_recency,
)
from trm_engine.models.neighbours import BEFORE
from trm_engine.models.readings import Readings
from trm_engine.models.recursion import State
from trm_engine.models.rotary import rope_tables
from trm_engine.models.trm import TRMForToolCalling


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
        """ids, parts [E, L], kinds, types [E], values [F, V, M] to summaries [E, D],
        words [E, L, D], word_mask [E, L], values [F, V, 3, D] and value_mask [F, V]."""
        ids, values = inputs[0], inputs[-1]
        model, embedding = self.model, self.model.embedding
        words, registers = embedding.entries(*inputs[:-1])
        mask = ids > 0
        layout = own_tokens(
            ids, mask, torch.ones_like(mask[:, :1]), embedding.head_size, embedding.rope_theta
        )
        none = mask[:, :0]
        context = Context(layout.join(words, registers), layout, ids, mask, none, none.long())
        y, _ = _improved(model, context, model.start(context))
        summaries, states = model.entry_readings(y, context)
        return summaries, states, mask, *model.value_readings(values)


@dataclass(frozen=True)
class _WithSlots(CatalogueTokens):
    """A catalogue with a number of slots that the tracer need not ask for: a model has one."""

    slots: int = 0

    @property
    def num_slots(self) -> int:
        return self.slots


class Catalogue(NamedTuple):
    """What a step needs of a catalogue and its readings; T tools, S slots, A arguments.

    ``tools`` [T, D], ``slots`` [S, D] and ``args`` [A, D] are the summaries of each kind,
    ``ids`` [T + S + A, J] the tokens of all. The others are as in ``Readings`` and
    ``CatalogueTokens``. ``offered`` [1, T] is true, or false if there is no tool on offer and T is
    1 only because it must be.
    """

    tools: Tensor
    slots: Tensor
    args: Tensor
    words: Tensor
    word_mask: Tensor
    ids: Tensor
    values: Tensor
    value_mask: Tensor
    accepted: Tensor
    required: Tensor
    arg_slots: Tensor
    offered: Tensor

    def readings(self, slots: int) -> Readings:
        """As the heads take them. Tokens and kinds of the entries are not needed any more."""
        none = self.arg_slots
        catalogue = _WithSlots(
            ids=self.ids,
            parts=none,
            kinds=none,
            types=none,
            values=self.value_mask,  # for its size
            accepted=self.accepted,
            required=self.required,
            arg_slots=self.arg_slots,
            slots=slots,
        )
        summaries = torch.cat((self.tools, self.slots, self.args))
        given = self.words, self.word_mask, self.values, self.value_mask
        return Readings(summaries, *given, catalogue)


def step_inputs(model: TRMForToolCalling) -> tuple[str, ...]:
    """The inputs of ``StepGraph``."""
    return (TOKENS, *Catalogue._fields, SAID, *earlier_names(kept_of(model)), "y", "z")


def step_outputs(model: TRMForToolCalling) -> tuple[str, ...]:
    """The outputs of ``StepGraph``."""
    return (*ANSWERS, *earlier_names(kept_of(model), NEXT), f"{NEXT}y", f"{NEXT}z")


class Alone(Layout):
    """The layout of one conversation: ``border`` tokens, then its registers."""

    border: int

    def split(self, h: Tensor) -> tuple[Tensor, Tensor]:
        return h[: self.border][None], h[self.border :][None]

    def join(self, tokens: Tensor, registers: Tensor) -> Tensor:
        return torch.cat((tokens[0], registers[0]))

    def for_samples(self, tokens: Tensor) -> Tensor:
        return tokens

    def matmul(self, rows: Tensor, tokens: Tensor) -> Tensor:
        return rows @ tokens


class StepGraph(nn.Module):
    """One supervision step of one conversation: ``step_inputs`` to ``step_outputs``.

    TOKENS [4, L]: ids, roles, text flags and numbers of turns (from 1; 0 before the first), without
    EOS. The tools of the catalogue are those on offer. SAID [4, N]: field, value, first and last
    token of the listed values that stand in it. ``earlier_names`` [P, D] each: what was kept of the
    first P tokens, which are whole turns. ``y`` and ``z`` [L - P + R, D], or [1, D] at first.
    The same of the others comes out.
    """

    def __init__(self, model: TRMForToolCalling) -> None:
        super().__init__()
        self.model = model

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        model, embedding = self.model, self.model.embedding
        (ids, _, _, turns), fields_given = inputs[0].unsqueeze(1), len(Catalogue._fields)
        catalogue, rest = Catalogue(*inputs[1 : 1 + fields_given]), inputs[1 + fields_given :]
        said, *seen, known_y, known_words, y, z = rest
        readings = catalogue.readings(model.config.num_slots)
        offered = catalogue.offered
        places = torch.arange(offered.shape[1])[None]
        # The neighbours of the first new token are known tokens, or nothing.
        read = pad(inputs[0], (BEFORE, 0))[:3, known_y.shape[0] :].unsqueeze(1)
        words = embedding.words(*read)[0, BEFORE:]
        registers = embedding.register_vectors(readings, places)
        core = LeanCore(model.core, turns[0], registers[0], tuple(seen), embedding.rope_theta)
        y, z = core.improved(torch.cat((words, registers[0])), y, z)
        tokens, own = core.split(y)

        every = torch.cat((known_words, words))[None]
        context = _context(turns, every, registers, ids, offered, places)
        fields, choices, first, last = said
        heard = (torch.zeros_like(fields), fields, choices, first, last)
        whole = torch.cat((known_y, tokens, own))
        output: TRMOutput = model.heads(whole, z, replace(context, readings=readings, said=heard))
        answers = (getattr(output, name) for name in ANSWERS)
        return *answers, *core.new, tokens, words, y, z


def kept_of(model: TRMForToolCalling) -> int:
    """The number of vectors that are kept of a token: keys and values of each layer each time it
    is used, y and x."""
    core = model.core
    return 2 + 2 * core.T * (core.n + 1) * len(core.layers)


def _context(
    turns: Tensor, words: Tensor, registers: Tensor, ids: Tensor, offered: Tensor, places: Tensor
) -> Context:
    """What the heads read: all tokens [1, L, D] and registers [1, R, D] of one conversation."""
    recency = (turns[:, -1:] - turns).clamp(max=OLDEST)
    one_hot = (recency[..., None] == torch.arange(NUM_RECENCIES)).float()
    unused = ids
    layout = Alone(*(unused,) * 7, one_hot)
    layout.border = ids.shape[1]
    everything = torch.ones_like(ids, dtype=torch.bool)
    x = layout.join(words, registers)
    return Context(x, layout, ids, everything, offered, places)


def _improved(model: TRMForToolCalling, context: Context, state: State) -> State:
    """One supervision step, of which nothing is trained."""
    for _ in range(model.core.T):
        state = model.core.latent_recursion(context.x, *state, context.layout)
    return state
