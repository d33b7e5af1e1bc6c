"""Formatting of paths, durations and sizes."""

from __future__ import annotations

import math
import os
import shlex
from pathlib import Path

from trm_engine.printable import is_hidden


def shell_word(path: str | Path) -> str:
    """Quote a path for a shell. It is neither an option nor contains control characters."""
    text = str(path)
    text = f"./{text}" if text.startswith("-") else text
    if not any(map(is_hidden, text)):
        return shlex.quote(text)
    return "$'" + "".join(map(_in_quotes, text)) + "'"


def _in_quotes(character: str) -> str:
    if is_hidden(character):
        return "".join(f"\\x{byte:02x}" for byte in os.fsencode(character))
    return f"\\{character}" if character in "\\'" else character


def duration(seconds: float) -> str:
    """Seconds as 1:05 or 2:03:10; a dash if not finite."""
    if not math.isfinite(seconds):
        return "–"
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def age(seconds: float) -> str:
    """Seconds in the largest unit: 5 s, 12 min, 3 h, 4 d."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def size(count: float) -> str:
    """Bytes in the largest unit: 512 MB, 1.25 GB."""
    for power, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= power:
            return f"{count / power:.3g} {unit}"
    return f"{count:.0f} B"
