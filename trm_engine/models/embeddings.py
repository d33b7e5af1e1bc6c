"""Embeddings: from token ids to the question x, of conversations and of catalogues."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trm_engine.config import TRMConfig
from trm_engine.data.catalogue_tokens import DESCRIPTION, TYPES, CatalogueTokens
from trm_engine.models.layers import lecun_, linear
from trm_engine.models.layout import Context, batch_layout, joined, shared_sequences
from trm_engine.models.neighbours import Neighbours
from trm_engine.models.readings import Readings
from trm_engine.vocabulary import CAPITALISED, EOS_ID, FIRST_MARKER_ID, MASK_ID, PAD_ID, ROLES

SHARED_REGISTERS = 2
"""Register 0 is for decision and q, register 1 for the call; then one for each slot and tool."""

KINDS = 3
TOOLS_STEP = 4
"""Tool registers are rounded up to a multiple of this, for fewer shapes."""


class Embedding(nn.Module):
    """x = sqrt(D) (token + role + capital) for a token; learned vectors for registers.

    The register of a slot is W reading + v. That of a tool also has what its parameters say,
    W reading + W_a (mean of their readings) + W_r (mean of the required ones' readings) + v. An
    entry of a catalogue has the tokens of its name and description, and one register: kind + type.
    """

    def __init__(self, config: TRMConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.head_size = width // config.num_heads
        self.rope_theta = config.rope_theta
        self.tokens = _embedding(config.vocab_size, width)
        self.roles = _embedding(len(ROLES), width)
        self.capital = _embedding(1, width)
        self.parts = _embedding(KINDS * DESCRIPTION, width)
        self.registers = _embedding(SHARED_REGISTERS + 2 + KINDS, width)
        self.types = nn.Embedding.from_pretrained(torch.zeros(1 + len(TYPES), width), freeze=False)
        self.neighbours = Neighbours(width)
        self.slots = linear(width, width)
        self.tools = linear(width, width)
        self.accepted = linear(width, width)
        self.required = linear(width, width)
        self.scale = width**0.5

    def forward(
        self,
        readings: Readings,
        input_ids: Tensor,
        attention_mask: Tensor,
        role_ids: Tensor,
        text_flags: Tensor | None = None,
        tool_mask: Tensor | None = None,
        read_from: Tensor | None = None,
    ) -> Context:
        """The question of B samples.

        Args:
            readings: of the catalogue.
            input_ids, attention_mask, role_ids: [B, L] each.
            text_flags: which tokens are capitalised, among others, [B, L]; None for none.
            tool_mask: the tools that each sample may call, [B, T]; None for all.
            read_from: the sample whose tokens each sample reads, [B], which must begin with its
                own; None for itself. It changes the work, not the answers.
        """
        computed, sequences = shared_sequences(input_ids, read_from)
        flags = None if text_flags is None else text_flags[computed]
        words = self.words(input_ids[computed], role_ids[computed], flags)  # (g l d)
        if tool_mask is None:
            shape = len(input_ids), readings.catalogue.num_tools
            tool_mask = torch.ones(shape, dtype=torch.bool, device=input_ids.device)
        tool_mask = tool_mask.bool()
        places = tool_places(tool_mask)
        registers = self.register_vectors(readings, places)  # (b r d)
        fixed = registers.shape[1] - places.shape[1]
        has_register = torch.cat(
            (tool_mask.new_ones(len(places), fixed), tool_mask.gather(1, places)), dim=1
        )
        token_mask = attention_mask.bool() & (input_ids != EOS_ID)  # the registers stand there
        x = joined(words.flatten(0, 1), registers.flatten(0, 1))  # (n d)
        layout = batch_layout(
            *(input_ids, token_mask, computed, sequences, has_register),
            head_size=self.head_size,
            theta=self.rope_theta,
        )
        ids = input_ids[computed]
        return Context(x, layout, ids, token_mask, tool_mask, places, readings)

    def catalogue(self, catalogue: CatalogueTokens) -> Context:
        """The question of a catalogue's entries, as that of E samples with one register each."""
        ids = catalogue.ids
        words, registers = self.entries(ids, catalogue.parts, catalogue.kinds, catalogue.types)
        token_mask = ids > 0
        own = torch.arange(len(ids), device=ids.device)
        layout = batch_layout(
            *(ids, token_mask, own, own, token_mask.new_ones(len(ids), 1)),
            head_size=self.head_size,
            theta=self.rope_theta,
        )
        none = token_mask.new_ones(len(ids), 0)
        x = joined(words.flatten(0, 1), registers.flatten(0, 1))
        return Context(x, layout, ids, token_mask, none, none.long())

    def words(self, input_ids: Tensor, role_ids: Tensor, text_flags: Tensor | None) -> Tensor:
        """The vectors of tokens, [G, L] each to [G, L, D]."""
        words = self.tokens(input_ids) + self.roles(role_ids)
        if text_flags is not None:
            is_capitalised = text_flags & CAPITALISED > 0
            words = words + is_capitalised[..., None] * self.capital.weight
        is_token = (input_ids != PAD_ID) & (input_ids != EOS_ID)
        begins = (input_ids >= FIRST_MARKER_ID) & (input_ids < MASK_ID)
        read: Tensor = self.neighbours(words * self.scale, is_token, begins)
        return read

    def entries(
        self, ids: Tensor, parts: Tensor, kinds: Tensor, types: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The vectors of a catalogue's entries: tokens [E, L, D] and one register each [E, 1, D].

        ids, parts [E, L], kinds, types [E]: see ``CatalogueTokens``.
        """
        rows = kinds[:, None] * DESCRIPTION + (parts - 1).clamp(min=0)
        tokens = (self.tokens(ids) + self.parts(rows)) * self.scale
        words = self.neighbours(tokens, ids > 0, torch.zeros_like(ids, dtype=torch.bool))
        registers = self.registers(kinds + SHARED_REGISTERS + 2) + self.types(types)
        return words, registers[:, None] * self.scale

    def register_vectors(self, readings: Readings, places: Tensor) -> Tensor:
        """Shared ones, those of the slots, those of each sample's tools: [B, R, D]."""
        vectors = self.registers.weight * self.scale
        slots = self.slots(readings.slots) + vectors[SHARED_REGISTERS]
        tools = self.tools(readings.tools) + self.of_parameters(readings)
        tools = tools + vectors[SHARED_REGISTERS + 1]
        alike = torch.cat((vectors[:SHARED_REGISTERS], slots))
        return torch.cat((alike.expand(places.shape[0], -1, -1), tools[places]), dim=1)

    def of_parameters(self, readings: Readings) -> Tensor:
        """What the parameters add to each tool's register, [T, D]."""
        catalogue, args = readings.catalogue, readings.args
        accepted: Tensor = self.accepted(_mean(catalogue.accepted, args))
        required: Tensor = self.required(_mean(catalogue.required, args))
        return accepted + required


def _mean(chosen: Tensor, vectors: Tensor) -> Tensor:
    """The mean of the chosen [T, A] of vectors [A, D], 0 for none: [T, D]."""
    weights = chosen.to(vectors.dtype)
    mean: Tensor = weights @ vectors / weights.sum(dim=1, keepdim=True).clamp(min=1)
    return mean


def tool_places(tool_mask: Tensor) -> Tensor:
    """The tools that each sample may call, [B, T] to [B, K], then others up to the most of any."""
    most = int(tool_mask.sum(dim=1).max())
    most = min(max(1, most + -most % TOOLS_STEP), tool_mask.shape[1])
    return tool_mask.byte().argsort(dim=1, descending=True, stable=True)[:, :most]


def _embedding(entries: int, width: int) -> nn.Embedding:
    """A table whose entries, multiplied by sqrt(D), have unit variance, as y and z have.

    Small stored values learn sqrt(D) times as fast under Adam, whose steps do not depend on scale.
    """
    table = nn.Embedding(entries, width)
    lecun_(table.weight.data, width)
    return table
