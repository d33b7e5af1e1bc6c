"""Heat: shades of two colours for the cells of a matrix, one for right and one for wrong."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from rich.style import Style
from textual.color import Color

SHADES = 16
BLACK, WHITE = Color(0, 0, 0), Color(255, 255, 255)
ENOUGH = 4.0
"""The minimum contrast of readable text."""
FAINTEST = 0.2


@dataclass(frozen=True)
class Heat:
    """SHADES styles from faint to full, each with a readable text colour."""

    right: tuple[Style, ...]
    wrong: tuple[Style, ...]


@lru_cache(maxsize=16)
def heat(background: Color, right: Color, wrong: Color) -> Heat:
    """The shades of two colours over a background.

    16-colour themes have no shades: right cells are bold, and wrong cells are bold and coloured.
    """
    if any(colour.ansi is not None for colour in (background, right, wrong)):
        bold = Style(bold=True)
        return Heat((bold,) * SHADES, (bold + Style(color=wrong.rich_color),) * SHADES)
    return Heat(_shades(background, right), _shades(background, wrong))


def shade(share: Any) -> np.ndarray:
    """The index of the shade for a share from 0 to 1, or for an array of shares.

    It grows with the square root of the share, so that rare errors are visible.
    """
    steps: np.ndarray = np.rint(np.sqrt(share) * SHADES).astype(int) - 1
    return steps.clip(0, SHADES - 1)


def _shades(background: Color, full: Color) -> tuple[Style, ...]:
    text = _text_on(background)
    factors = (FAINTEST + (1 - FAINTEST) * shade / (SHADES - 1) for shade in range(SHADES))
    return tuple(_readable(text, background.blend(full, factor)) for factor in factors)


def _readable(text: Color, background: Color) -> Style:
    """A style with the preferred text colour, or black or white if it is not readable."""
    if contrast(text, background) < ENOUGH:
        text = _text_on(background)
    return Style(color=text.rich_color, bgcolor=background.rich_color)


def _text_on(background: Color) -> Color:
    """White or black, whichever has more contrast with the background."""
    return max(BLACK, WHITE, key=lambda colour: contrast(colour, background))


def contrast(one: Color, other: Color) -> float:
    """The WCAG contrast ratio, from 1 to 21."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: Color) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in colour.normalized
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
