"""Figures as text of a known width: ratios, losses, changes, bars, sparklines, names."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from rich.cells import cell_len, set_cell_size

from trm_engine.files.jsonl import number
from trm_tui.text.words import duration

Grade = Literal["good", "fair", "poor", "none"]

GOOD = 0.9
FAIR = 0.7
NOTHING = "–"
"""What stands for a figure that there is none of."""

MARKS: dict[Grade, str] = {"good": "●", "fair": "◐", "poor": "○", "none": " "}
"""A mark for each grade, for terminals without colour."""

UP, DOWN, SAME = "▲", "▼", "="
RIGHT, WRONG = "✓", "✗"
BLOCKS = " ▏▎▍▌▋▊▉█"
LEVELS = "▁▂▃▄▅▆▇█"
LOSS_WIDTH = 6
ELLIPSIS = "…"


def figure(metrics: Mapping[str, Any] | None, *path: str) -> float | None:
    """The number at a path of nested metrics; None if there is none."""
    value: Any = metrics
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    value = number(value) if isinstance(value, str) else value
    return float(value) if isinstance(value, int | float) else None


def grade(share: float | None) -> Grade:
    """The grade of a share: good from 0.9, fair from 0.7, poor below."""
    if share is None or math.isnan(share):
        return "none"
    return "good" if share >= GOOD else "fair" if share >= FAIR else "poor"


def share_text(share: float | None, decimals: int = 3) -> str:
    """A share from 0 to 1; a dash for None."""
    return NOTHING if share is None else f"{share:.{decimals}f}"


def percent(share: float | None) -> str:
    """A share from 0 to 1 in percent; a dash for None."""
    return NOTHING if share is None else f"{share:.1%}"


def loss_text(loss: float | None) -> str:
    """A loss in at most six characters, with up to four decimals."""
    if loss is None:
        return NOTHING
    if math.isnan(loss):
        return "NaN"
    if math.isinf(loss):
        return "inf" if loss > 0 else "-inf"
    fixed = (f"{loss:.{decimals}f}" for decimals in (4, 3, 2, 1, 0))
    return next((text for text in fixed if len(text) <= LOSS_WIDTH), f"{loss:.0e}")


def seconds_text(seconds: float | None) -> str:
    """A duration in at most seven characters: 3.0 s, 2:05, 1:02:05."""
    if seconds is None or not math.isfinite(seconds):
        return NOTHING
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    return duration(seconds)


def change(now: float | None, before: float | None, decimals: int = 3) -> tuple[str, str]:
    """The change from ``before`` to ``now``: an arrow and a signed number.

    It is ("=", "") if the number is the same to ``decimals``, and ("", "") if one is missing.
    """
    if now is None or before is None or not math.isfinite(now - before):
        return "", ""
    text = f"{now - before:+.{decimals}f}"
    if float(text) == 0:
        return SAME, ""
    return (UP if now > before else DOWN), text


def bar(share: float | None, width: int) -> str:
    """A bar of ``width`` cells, filled from the left in eighths of a cell."""
    if share is None or math.isnan(share) or width <= 0:
        return " " * max(width, 0)
    eighths = round(min(max(share, 0.0), 1.0) * width * 8)
    full, part = divmod(eighths, 8)
    return ("█" * full + (BLOCKS[part] if part else "")).ljust(width)


def sparkline(shares: Sequence[float | None], width: int) -> str:
    """The last ``width`` shares as bars, one cell each, newest on the right. None is blank."""
    return "".join(map(_level, shares[-width:] if width > 0 else ())).rjust(width)


def clip(text: str, width: int) -> str:
    """Shorten a text to ``width`` cells, with an ellipsis at the end."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + ELLIPSIS if width > 0 else ""


def clip_middle(text: str, width: int) -> str:
    """Shorten a text to ``width`` cells, with an ellipsis in the middle."""
    if cell_len(text) <= width or width < 3:
        return clip(text, width)
    head = set_cell_size(text, width // 2).rstrip()
    tail = text[-(width - 1 - cell_len(head)) :]
    while cell_len(head + tail) >= width:
        tail = tail[1:]
    return head + ELLIPSIS + tail


def pad(text: str, width: int, left: bool = True) -> str:
    """Shorten or pad a text to exactly ``width`` cells."""
    shown = clip(text, width)
    blank = " " * (width - cell_len(shown))
    return shown + blank if left else blank + shown


def _level(share: float | None) -> str:
    if share is None or math.isnan(share):
        return " "
    return LEVELS[min(max(int(share * len(LEVELS)), 0), len(LEVELS) - 1)]
