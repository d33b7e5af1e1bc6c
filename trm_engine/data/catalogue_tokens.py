"""Catalogue tokens: tools, slots and parameters as the model reads them. Imports no torch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Self, get_args

import numpy as np

from trm_engine.config import TRMConfig
from trm_engine.data.field import Field
from trm_engine.data.labels import Labels
from trm_engine.data.tokenizer import TRMTokenizer
from trm_engine.data.values import JsonType
from trm_engine.vocabulary import MASK_ID

if TYPE_CHECKING:
    import torch

Array = Any
"""A numpy array, or the tensor that ``CatalogueTokens.to`` makes of it."""

NAME, DESCRIPTION = 1, 2
"""Parts of a text; 0 is padding."""

TOOL, SLOT, ARGUMENT = 0, 1, 2
"""Kinds of entries."""

TYPES: tuple[str, ...] = get_args(JsonType)
"""Types that a parameter can declare."""

MOST_NAME_TOKENS = 16
MOST_TOKENS = 64
MOST_VALUE_TOKENS = 8

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SEPARATORS = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class CatalogueTokens:
    """T tools, S slots and A arguments, E = T + S + A entries; F = S + A fields.

    Attributes:
        ids: the tokens of each entry's name and description, 0 for padding, [E, L].
        parts: NAME or DESCRIPTION of each token, 0 for padding, [E, L].
        kinds: TOOL, SLOT or ARGUMENT, [E].
        types: the declared type of each entry's values, from 1 in TYPES; 0 for none, [E].
        values: the tokens of the listed values of each field, 0 for padding, [F, V, M].
        accepted: which arguments each tool has, [T, A].
        required: which of them a call must have, [T, A].
        arg_slots: the slot with the name of each argument, else -1, [A].
    """

    ids: Array
    parts: Array
    kinds: Array
    types: Array
    values: Array
    accepted: Array
    required: Array
    arg_slots: Array

    @property
    def num_tools(self) -> int:
        size: int = self.accepted.shape[0]
        return size

    @property
    def num_args(self) -> int:
        size: int = self.accepted.shape[1]
        return size

    @property
    def num_slots(self) -> int:
        size: int = self.values.shape[0] - self.num_args
        return size

    def to(self, device: torch.device | str) -> Self:
        """The same as tensors on a device."""
        import torch

        parts = {each.name: torch.as_tensor(getattr(self, each.name)) for each in fields(self)}
        return type(self)(**{name: tensor.to(device) for name, tensor in parts.items()})

    def narrowed(self, tools: Array, args: Array) -> Self:
        """With these tools and arguments only, indices [T'] and [A'], and all slots."""
        tools, args = np.asarray(tools, np.int64), np.asarray(args, np.int64)
        slots = np.arange(self.num_slots)
        first_arg = self.num_tools + self.num_slots
        entries = np.concatenate((tools, self.num_tools + slots, first_arg + args))
        longest = max(1, int((self.ids[entries] > 0).sum(1).max()))
        slots_and_args = np.concatenate((slots, self.num_slots + args))
        return type(self)(
            ids=self.ids[entries, :longest],
            parts=self.parts[entries, :longest],
            kinds=self.kinds[entries],
            types=self.types[entries],
            values=self.values[slots_and_args],
            accepted=self.accepted[tools][:, args],
            required=self.required[tools][:, args],
            arg_slots=self.arg_slots[args],
        )

    def with_optional_copies(self) -> Self:
        """The tools, then copies of them that require nothing; 2 T tools."""
        tools = self.num_tools

        def twice(rows: Array) -> Array:
            return rows[[*range(tools), *range(len(rows))]]

        required = twice(self.required)
        required[tools:] = False
        return replace(
            self,
            ids=twice(self.ids),
            parts=twice(self.parts),
            kinds=twice(self.kinds),
            types=twice(self.types),
            accepted=twice(self.accepted),
            required=required,
        )

    @classmethod
    def of(cls, labels: Labels, tokenizer: TRMTokenizer) -> Self:
        """What a model reads of labels."""
        texts = [(each.name, each.description) for each in labels.definitions]
        if not texts:
            texts = [("", "")]  # a model has at least one tool
        num_tools = len(texts)
        listed = (*labels.slots, *labels.args)
        texts += [(each.name, each.description) for each in listed]
        entries = [_entry(*text, tokenizer) for text in texts]
        kinds = [TOOL] * num_tools + [SLOT] * len(labels.slots) + [ARGUMENT] * len(labels.args)
        accepted = np.zeros((num_tools, len(labels.args)), bool)
        required = accepted.copy()
        for tool, channels in enumerate(labels.parameters):
            needed = set(labels.definitions[tool].required)
            accepted[tool, list(channels)] = True
            for channel in channels:
                required[tool, channel] = labels.args[channel].name in needed
        return cls(
            ids=_padded([ids for ids, _ in entries]),
            parts=_padded([parts for _, parts in entries]),
            kinds=np.array(kinds, np.int64),
            types=np.array([0] * num_tools + [_type(each) for each in listed], np.int64),
            values=_values(listed, tokenizer),
            accepted=accepted,
            required=required,
            arg_slots=np.array(labels.arg_slots, np.int64),
        )

    @classmethod
    def numbered(cls, config: TRMConfig) -> Self:
        """Entries of one token each, for a model whose sizes are known and whose labels are not."""
        tools, slots, args = config.num_tools, config.num_slots, config.num_args
        entries = tools + slots + args
        ids = (np.arange(entries) + MASK_ID + 1)[:, None] % config.vocab_size
        listed = np.arange((slots + args) * config.num_choices) + MASK_ID + 1 + entries
        accepted = np.zeros((tools, args), bool)
        for tool, channels in enumerate(config.tool_args or [range(args)] * tools):
            accepted[tool, list(channels)] = True
        return cls(
            ids=ids.clip(min=1),
            parts=np.full((entries, 1), NAME),
            kinds=np.repeat([TOOL, SLOT, ARGUMENT], [tools, slots, args]),
            types=np.zeros(entries, np.int64),
            values=(listed % config.vocab_size).reshape(slots + args, config.num_choices, 1),
            accepted=accepted,
            required=accepted.copy(),
            arg_slots=np.array(config.arg_slots or (-1,) * args, np.int64),
        )


def words_of(name: str) -> str:
    """The words in a name: "SearchOnewayFlight" and "search_oneway_flight" have three."""
    return _SEPARATORS.sub(" ", _CAMEL.sub(" ", name)).strip()


def _type(field: Field) -> int:
    """The declared type of a field, from 1 in TYPES; 0 for none."""
    return 0 if field.meant is None else 1 + TYPES.index(field.meant)


def _entry(name: str, description: str, tokenizer: TRMTokenizer) -> tuple[list[int], list[int]]:
    """The tokens of an entry, and the part of each."""
    of_name = tokenizer.encode(words_of(name))[:MOST_NAME_TOKENS]
    of_description = tokenizer.encode(description)[: MOST_TOKENS - len(of_name)]
    parts = [NAME] * len(of_name) + [DESCRIPTION] * len(of_description)
    return of_name + of_description or [MASK_ID], parts or [NAME]


def _values(listed: Sequence[Field], tokenizer: TRMTokenizer) -> np.ndarray:
    """The tokens of listed values, [F, V, M]."""
    most = max((len(each.values) for each in listed), default=0)
    tokens = [
        [
            tokenizer.encode(words_of_value(each))[:MOST_VALUE_TOKENS] or [MASK_ID]
            for each in one.values
        ]
        for one in listed
    ]
    longest = max((len(ids) for row in tokens for ids in row), default=0)
    values = np.zeros((len(listed), most, max(1, longest)), np.int64)
    for field, row in enumerate(tokens):
        for place, ids in enumerate(row):
            values[field, place, : len(ids)] = ids
    return values


def words_of_value(value: str) -> str:
    """A value as words, where it is a name."""
    return words_of(value) if value.isidentifier() else value


def _padded(rows: Sequence[Sequence[int]]) -> np.ndarray:
    padded = np.zeros((len(rows), max(map(len, rows), default=1)), np.int64)
    for own, row in zip(padded, rows, strict=True):
        own[: len(row)] = row
    return padded
