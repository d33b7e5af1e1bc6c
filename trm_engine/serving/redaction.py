"""Redaction: removes private data from texts, by pattern, before they are kept."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from trm_engine.errors import UserError

PATTERNS = {
    "key": r"(?<![\w-])(?:sk|pk|rk|ghp|gho|xox[abp]|AKIA|eyJ)[-_\w]{12,}(?:\.[-_\w]+){0,2}",
    "email": r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}",
    "iban": r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?!\w)",
    "card": r"(?<![\d+])\d(?:[ -]?\d){12,18}(?!\d)",
    "phone": r"(?<!\d)(?!\d{4}-\d\d-\d\d)\+?\d(?:[ ().-]{0,2}\d){8,14}(?!\d)",
}
"""Kinds of what is taken out unless it is to be kept. No pattern needs more than linear time."""
CUSTOM = "redacted"
"""What a pattern of the user's own takes out is called."""


class Redactor:
    """Replaces what its patterns match by the kind and a number, such as ``[email 1]``.

    In one conversation the same text has the same number, so that values and their places still
    agree.

    Args:
        patterns: regular expressions besides those of ``PATTERNS``.
        kept: kinds of ``PATTERNS`` that are not taken out.

    Raises:
        UserError: a pattern is no regular expression, or a kind is unknown.
    """

    def __init__(self, patterns: Iterable[str] = (), kept: Iterable[str] = ()) -> None:
        kept = set(kept)
        if unknown := kept - PATTERNS.keys():
            raise UserError(f"--keep {min(unknown)}: expected one of {', '.join(PATTERNS)}")
        chosen = [(CUSTOM, each) for each in patterns]
        chosen += [(kind, each) for kind, each in PATTERNS.items() if kind not in kept]
        self._patterns = [(kind, _compiled(each)) for kind, each in chosen]

    def redacted(self, value: Any) -> Any:
        """JSON without what the patterns match. Keys of objects stay as they are."""
        return _Conversation(self._patterns).redacted(value)


class _Conversation:
    """The replacements in one conversation."""

    def __init__(self, patterns: list[tuple[str, re.Pattern[str]]]) -> None:
        self._patterns = patterns
        self._names: dict[tuple[str, str], str] = {}
        self._counts: dict[str, int] = {}

    def redacted(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, dict):
            return {name: self.redacted(each) for name, each in value.items()}
        if isinstance(value, list | tuple):
            return [self.redacted(each) for each in value]
        if isinstance(value, int) and not isinstance(value, bool):
            text = self._text(str(value))
            return value if text == str(value) else text
        return value

    def _text(self, text: str) -> str:
        for kind, pattern in self._patterns:
            text = pattern.sub(lambda found, kind=kind: self._name(kind, found[0]), text)  # type: ignore[misc]
        return text

    def _name(self, kind: str, text: str) -> str:
        if not text:
            return text
        name = self._names.get((kind, text))
        if name is None:
            number = self._counts[kind] = self._counts.get(kind, 0) + 1
            name = self._names[kind, text] = f"[{kind} {number}]"
        return name


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise UserError(f"--redact {pattern!r}: no regular expression: {error}") from None
