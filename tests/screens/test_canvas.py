"""Dots become characters: thin slopes, whole spans, and what each terminal can show."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.style import Style

from trm_tui.widgets.chart.canvas import (
    ASCII,
    BLOCKS,
    BRAILLE,
    Glyphs,
    Grid,
    Layer,
    dots_of,
    glyphs_for,
)

ROWS = 4
SPANS = st.lists(st.tuples(st.integers(-1, 16), st.integers(-1, 16)), min_size=8, max_size=8)


def lit(dots: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The dots of all cells, one by one [dot rows, dot columns]."""
    down, along = shape
    out = np.zeros((dots.shape[0] * down, dots.shape[1] * along), dtype=bool)
    for row in range(down):
        for column in range(along):
            out[row::down, column::along] = dots >> (row * along + column) & 1
    return out


def line(tops: list[int], bottoms: list[int], joined: bool, shape: tuple[int, int]) -> np.ndarray:
    top, bottom = (np.array(each, dtype=np.int16) for each in (tops, bottoms))
    return lit(dots_of(top, bottom, np.full(len(top) - 1, joined), ROWS, shape), shape)


@given(SPANS, st.sampled_from([(4, 2), (2, 1), (1, 1)]))
def test_a_span_is_filled_and_nothing_else(
    spans: list[tuple[int, int]], shape: tuple[int, int]
) -> None:
    tops, bottoms = zip(*spans, strict=True)
    dots = line(list(tops), list(bottoms), False, shape)
    for column, (top, bottom) in enumerate(spans):
        expected = [top <= row <= bottom for row in range(ROWS * shape[0])]
        assert dots[:, column].tolist() == expected


@given(st.lists(st.integers(0, 15), min_size=8, max_size=8))
def test_a_joined_line_has_no_gap_and_steps_one_dot(heights: list[int]) -> None:
    dots = line(heights, heights, True, (4, 2))
    for column in range(7):
        left, right = np.flatnonzero(dots[:, column]), np.flatnonzero(dots[:, column + 1])
        assert max(left[0], right[0]) - min(left[-1], right[-1]) <= 1
        assert dots[heights[column], column]


def test_a_slope_is_one_dot_thick() -> None:
    heights = [0, 2, 4, 6, 8, 10, 12, 14]
    assert line(heights, heights, True, (4, 2)).sum() == 15


def test_an_empty_column_joins_nothing() -> None:
    dots = line([0, 20, 15, 15, 15, 15, 15, 15], [0, 19, 15, 15, 15, 15, 15, 15], True, (4, 2))
    assert dots[:, 0].sum() == 1
    assert not dots[:, 1].any()


def test_braille_has_its_bits_where_its_dots_are() -> None:
    dots = dots_of(np.array([0, 3]), np.array([2, 3]), np.array([False]), 1, BRAILLE.dots)
    assert BRAILLE.strong[dots[0, 0]] == "⢇"


@pytest.mark.parametrize("glyphs", [BRAILLE, BLOCKS, ASCII])
def test_every_set_of_dots_has_a_character(glyphs: Glyphs) -> None:
    down, along = glyphs.dots
    assert len(glyphs.strong) == len(glyphs.faint) == 2 ** (down * along)


@pytest.mark.parametrize(
    ("environment", "encoding", "expected"),
    [
        ({"TERM": "xterm-256color"}, "UTF-8", BRAILLE),
        ({"TERM": "linux"}, "utf8", BLOCKS),
        ({"TERM": "xterm"}, "ANSI_X3.4-1968", ASCII),
        ({"TERM": "xterm", "TRM_TUI_BLOCKS": "1"}, "UTF-8", BLOCKS),
        ({"TERM": "xterm", "TRM_TUI_BLOCKS": "ascii"}, "UTF-8", ASCII),
        ({"TERM": "linux", "TRM_TUI_BLOCKS": "braille"}, "UTF-8", BRAILLE),
        ({"TERM": "xterm", "TRM_TUI_BLOCKS": "?"}, "UTF-8", BRAILLE),
    ],
)
def test_what_a_terminal_can_show(
    environment: dict[str, str], encoding: str, expected: Glyphs
) -> None:
    assert glyphs_for(environment, encoding) is expected


def test_lines_cover_and_areas_join() -> None:
    layer = Layer(1, 1)
    layer.add(np.array([[0b0011]], dtype=np.uint8), 1)
    layer.add(np.array([[0b0100]], dtype=np.uint8), 2)
    assert (layer.dots[0, 0], layer.styles[0, 0]) == (0b0111, 2)
    layer.cover(np.array([[0b1000]], dtype=np.uint8), 3)
    assert (layer.dots[0, 0], layer.styles[0, 0]) == (0b1000, 3)


def test_text_beside_the_grid_is_cut_and_wide_characters_keep_their_width() -> None:
    grid = Grid(2, 6)
    grid.write(0, 1, "日本e\u0301x!", 1)
    grid.write(1, -1, "abc", 1)
    grid.write(5, 0, "nowhere", 1)
    assert grid.text() == " 日本e\nbc"
    strips = grid.strips([Style(), Style(bold=True)])
    assert [strip.cell_length for strip in strips] == [6, 6]
    assert strips[0].text == " 日本e"
    assert [segment.text for segment in strips[1]] == ["bc", "    "]
