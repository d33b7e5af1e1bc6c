"""Roles and special tokens: the ids that tokenizer, data and model agree on."""

from __future__ import annotations

from typing import Final, Literal

Role = Literal["user", "system", "assistant", "tool_call", "tool_response"]

ROLES: Final[tuple[Role, ...]] = ("user", "system", "assistant", "tool_call", "tool_response")
ROLE_IDS: Final[dict[str, int]] = {role: index for index, role in enumerate(ROLES)}
TOOL_ROLES: Final = frozenset({"tool_call", "tool_response"})

PAD_ID: Final = 0
UNK_ID: Final = 1
BOS_ID: Final = 2
EOS_ID: Final = 3
MARKERS: Final[tuple[str, ...]] = tuple(f"<{role}>" for role in ROLES)
MASK_TOKEN: Final = "<mask>"
"""Stands for a word hidden by word dropout."""

WORD_START: Final = "\u2581"
"""How a tokenizer writes the space before a word."""

BEGINS_WORD: Final = 1
ENDS_WORD: Final = 2
CAPITALISED: Final = 4
"""Flags of a token: no word runs across its begin, its end; its word begins with a capital, which
says something only in a turn that has small letters, too."""

FIRST_MARKER_ID: Final = EOS_ID + 1
MASK_ID: Final = FIRST_MARKER_ID + len(MARKERS)


NOWHERE: Final = 0
"""The token, BOS, at which the value of a field stands that stands nowhere in the conversation."""


def marker_id(role: str) -> int:
    """The token id that opens a turn of ``role``."""
    return FIRST_MARKER_ID + ROLE_IDS[role]
