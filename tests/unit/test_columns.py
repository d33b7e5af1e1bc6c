"""Columns: what fits is shown, what does not is dropped in the order of its rank."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from trm_tui.widgets.table.columns import Column, Layout


@st.composite
def columns(draw: st.DrawFn) -> list[Column]:
    """Some columns, the first of which is never dropped."""
    count = draw(st.integers(1, 8))
    return [
        Column(
            name=str(index),
            heading=draw(st.text("abc", max_size=12)),
            width=draw(st.integers(1, 10)),
            rank=draw(st.integers(0, 9)) if index else 0,
            most=draw(st.integers(0, 30)),
            gap=draw(st.integers(0, 3)),
            left=draw(st.booleans()),
        )
        for index in range(count)
    ]


@given(columns(), st.integers(1, 120))
def test_a_line_is_no_wider_than_it_must_be(each: list[Column], width: int) -> None:
    layout = Layout(each, width)
    line = layout.headings("heading")
    cells = sum(cell_len(text) for text, _ in line)
    needed = [column for column in each if column.rank == 0]
    least = sum(column.width + column.gap for column in needed) - needed[0].gap
    assert cells <= max(width, least)


@given(columns(), st.integers(1, 120))
def test_columns_are_dropped_by_rank_and_grow_within_bounds(each: list[Column], width: int) -> None:
    layout = Layout(each, width)
    dropped = [column for column in each if column not in layout.columns]
    assert all(column.rank > 0 and layout[column.name] == 0 for column in dropped)
    if dropped:
        assert max(column.rank for column in layout.columns) <= min(each.rank for each in dropped)
    for column in layout.columns:
        assert column.width <= layout[column.name] <= max(column.width, column.most)


def test_equally_important_columns_grow_alike() -> None:
    layout = Layout([Column("a", "", 4, most=9), Column("b", "", 4, most=9)], 14)
    assert layout["a"] == layout["b"] == 6


def test_cells_are_aligned_and_clipped() -> None:
    layout = Layout([Column("name", "name", 5, left=True), Column("value", "v", 5, gap=2)], 12)
    assert layout.line({"name": ("address", "strong"), "value": ("0.9", "good")}) == [
        ("addr…", "strong"),
        ("  ", ""),
        ("  0.9", "good"),
    ]
