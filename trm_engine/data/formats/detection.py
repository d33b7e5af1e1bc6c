"""Detection: which of all formats a file has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from trm_engine.data.fields import ConvertError, described
from trm_engine.data.formats.alpaca import ALPACA
from trm_engine.data.formats.anthropic import ANTHROPIC
from trm_engine.data.formats.bfcl import BFCL
from trm_engine.data.formats.chat_logs import CHAT_LOGS
from trm_engine.data.formats.conversation import Conversation, Format, Match, Message
from trm_engine.data.formats.frames import FRAMES
from trm_engine.data.formats.gemini import GEMINI
from trm_engine.data.formats.glaive import GLAIVE
from trm_engine.data.formats.llama_factory import LLAMA_FACTORY
from trm_engine.data.formats.openai import OPENAI
from trm_engine.data.formats.preference import PREFERENCE
from trm_engine.data.formats.rasa import RASA
from trm_engine.data.formats.raw import RAW
from trm_engine.data.formats.responses import RESPONSES
from trm_engine.data.formats.sharegpt import SHAREGPT
from trm_engine.data.formats.tau_bench import TAU_BENCH
from trm_engine.data.formats.templated import TEMPLATED
from trm_engine.data.formats.toolace import TOOLACE
from trm_engine.data.formats.trl import TRL
from trm_engine.data.formats.verdict import VERDICT
from trm_engine.data.formats.xlam import XLAM
from trm_engine.errors import did_you_mean

__all__ = [
    "FORMATS",
    "Conversation",
    "Format",
    "Match",
    "Message",
    "UnknownFormatError",
    "detect",
    "format_named",
]

FORMATS: tuple[Format, ...] = (
    *(VERDICT, PREFERENCE, CHAT_LOGS, TAU_BENCH, BFCL, TOOLACE, GLAIVE, XLAM, ALPACA, TRL),
    *(LLAMA_FACTORY, SHAREGPT, GEMINI, FRAMES, RASA, TEMPLATED),
    *(OPENAI, ANTHROPIC, RESPONSES, RAW),
)
"""All formats. Of those that fit equally well the first is taken."""


class UnknownFormatError(ConvertError):
    """No record of a file fits any format."""


def format_named(name: str) -> Format:
    """The format with a name. Raises ConvertError."""
    for each in FORMATS:
        if each.name == name:
            return each
    names = [each.name for each in FORMATS]
    hint = did_you_mean(name, names)
    raise ConvertError(f"no format is named '{name}'{hint}; the formats are {', '.join(names)}")


def detect(records: Iterable[tuple[str, Any]]) -> Format:
    """The format of a file, from its records and their places.

    It is the one that most records fit, then the one that most fit for certain, then the first.

    Raises:
        UnknownFormatError: no record fits any format.
    """
    fits: Counter[str] = Counter()
    certain: Counter[str] = Counter()
    first: tuple[str, Any] | None = None
    for where, record in records:
        first = first or (where, record)
        for each in FORMATS:
            match = each.matches(record)
            fits[each.name] += match > Match.NO
            certain[each.name] += match == Match.CERTAIN
    best = max(FORMATS, key=lambda each: (fits[each.name], certain[each.name]))
    if not fits[best.name]:
        raise UnknownFormatError(_unknown(*first) if first else "there are no conversations")
    return best


def looks_like(record: Any) -> Format | None:
    """The format that a single record fits best; None if it fits none."""
    best = max(FORMATS, key=lambda each: each.matches(record))
    return best if best.matches(record) else None


def _unknown(where: str, record: Any) -> str:
    titles = ", ".join(each.title for each in FORMATS)
    return f"{where}: expected conversations ({titles}), got {described(record)}"
