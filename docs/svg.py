"""A screen as SVG, a tenth of the size of Textual's own: one text for each run of one colour."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from xml.sax.saxutils import escape

from rich.cells import cell_len
from rich.color import Color, blend_rgb
from rich.segment import Segment
from rich.style import Style
from textual.app import App
from textual.filter import ANSIToTruecolor
from textual.strip import Strip

CELL, LINE, BASE = 8.43, 16, 13
"""Width and height of a cell, and its base line from its top, in pixels of a font of 14."""
FONT = "14px 'DejaVu Sans Mono',Menlo,Consolas,monospace"
MARGIN = 8
WORDS = re.compile(r"\S+(?: {1,2}\S+)*")
"""What is placed as one text: more than two spaces may not be as wide as cells in every font."""
BRAILLE = range(0x2800, 0x2900)
DOTS = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))
"""Column and row of the dot that each bit of a braille character stands for."""
DIM = 0.5


@dataclass(frozen=True)
class _Look:
    """Colours as #rrggbb, and CSS of the text."""

    text: str
    ground: str
    more: str = ""


@dataclass(frozen=True)
class _Run:
    """A text in one look that begins in cell ``x`` of line ``y``."""

    x: int
    y: int
    text: str
    look: _Look


def picture(app: App[Any]) -> str:
    """The screen that is shown, with the screens below a dialog."""
    runs = [run for y, strip in enumerate(strips(app)) for run in _runs(strip, y)]
    names: dict[str, str] = {}
    body = "".join((*_grounds(runs), *_dots(runs), *_texts(runs, names)))
    rules = "".join(f".{name}{{{css}}}" for css, name in names.items())
    width, height = round(app.size.width * CELL), app.size.height * LINE
    paper = runs[0].look.ground
    box = f"{-MARGIN} {-MARGIN} {width + 2 * MARGIN} {height + 2 * MARGIN}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" xml:space="preserve">'
        f"<style>text{{font:{FONT}}}{rules}</style>"
        f'<path fill="{paper}" d="M{-MARGIN} {-MARGIN}h9999v9999h-9999z"/>{body}</svg>\n'
    )


def strips(app: App[Any]) -> list[Strip]:
    """The lines of the screen that is shown, with the screens below a dialog."""
    drawn: Any = app.screen._compositor.render_update(
        full=True, screen_stack=app._background_screens, simplify=True
    )
    colours = ANSIToTruecolor(app.ansi_theme)
    ground = app.screen.background_colors[1]
    return [Strip.join(parts).apply_filter(colours, ground) for parts in drawn.strips]


def _runs(strip: Strip, y: int) -> Iterator[_Run]:
    """The runs of a line: neighbours of one look are one."""
    x = 0
    for look, segments in groupby(strip, _look):
        text = "".join(segment.text for segment in segments)
        yield _Run(x, y, text, look)
        x += cell_len(text)


def _look(segment: Segment) -> _Look:
    style = segment.style or Style()
    text, ground = _colour(style.color, True), _colour(style.bgcolor, False)
    if style.reverse:
        text, ground = ground, text
    if style.dim:
        text = Color.from_triplet(blend_rgb(ground.get_truecolor(), text.get_truecolor(), DIM))
    more = (
        ("font-weight:700", style.bold),
        ("font-style:italic", style.italic),
        ("text-decoration:underline", style.underline),
        ("text-decoration:line-through", style.strike),
    )
    return _Look(_hex(text), _hex(ground), "".join(f";{css}" for css, has in more if has))


def _colour(colour: Color | None, is_text: bool) -> Color:
    if colour is None or colour.is_default:
        return Color.parse("#e0e0e0" if is_text else "#121212")
    return colour


def _hex(colour: Color) -> str:
    return str(colour.get_truecolor().hex)


def _grounds(runs: Sequence[_Run]) -> Iterator[str]:
    """A path for each colour behind the text."""
    paths: dict[str, list[str]] = {}
    for (y, ground), line in groupby(runs, lambda run: (run.y, run.look.ground)):
        parts = list(line)
        begin, end = parts[0].x, parts[-1].x + cell_len(parts[-1].text)
        left, right = round(begin * CELL, 1), round(end * CELL, 1)
        path = f"M{left:g} {y * LINE}H{right:g}v{LINE}H{left:g}z"
        paths.setdefault(ground, []).append(path)
    for ground, path in paths.items():
        if ground != runs[0].look.ground:
            yield f'<path fill="{ground}" d="{"".join(path)}"/>'


def _dots(runs: Sequence[_Run]) -> Iterator[str]:
    """A path for each colour of braille characters, which few fonts have as wide as others."""
    paths: dict[str, list[str]] = {}
    for run in runs:
        for n, character in enumerate(run.text):
            if ord(character) in BRAILLE[1:]:
                bits = ord(character) - BRAILLE[0]
                dots = (dot for bit, dot in enumerate(DOTS) if bits >> bit & 1)
                left, top = 2 * (run.x + n), 4 * run.y
                paths.setdefault(run.look.text, []).extend(
                    f"M{left + column} {top + row}h0" for column, row in dots
                )
    grid = f'transform="translate({CELL / 4:.1f} 2)scale({CELL / 2:.3f} {LINE / 4:g})"'
    for colour, path in paths.items():
        line = f'stroke="{colour}" stroke-width=".58" stroke-linecap="round"'
        yield f'<path {grid} {line} d="{"".join(path)}"/>'


def _texts(runs: Sequence[_Run], names: dict[str, str]) -> Iterator[str]:
    """The texts. Fills ``names`` with a name for each look."""
    for run in runs:
        for found in WORDS.finditer("".join(" " if ord(c) in BRAILLE else c for c in run.text)):
            css = f"fill:{run.look.text}{run.look.more}"
            name = names.setdefault(css, f"c{len(names)}")
            x = (run.x + cell_len(run.text[: found.start()])) * CELL
            width = cell_len(found[0]) * CELL
            length = f' textLength="{width:.1f}"' if len(found[0]) > 1 else ""
            place = f'x="{x:.1f}" y="{run.y * LINE + BASE}"'
            yield f'<text {place} class="{name}"{length}>{escape(found[0])}</text>'
