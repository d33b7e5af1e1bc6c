"""Confusion: counts, totals and orders of tools."""

from __future__ import annotations

from functools import partial
from importlib import import_module

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from trm_engine.runs.schema.evaluation import Cell, Tools
from trm_tui.store.confusion import NO_TOOL, ORDERS, SHARES, UNSEEN, Confusion

sklearn = partial(import_module, "sklearn.metrics")  # slow to import

NAMES = st.text("abcXYZ_é", min_size=1, max_size=5)


@st.composite
def tool_metrics(draw: st.DrawFn) -> Tools:
    """The counts of up to five tools, with lines of some cells."""
    labels = draw(st.lists(NAMES, unique=True, max_size=5))
    tools = len(labels)
    rows = st.lists(st.integers(0, 9), min_size=tools, max_size=tools)
    confusion = draw(st.lists(rows, min_size=tools, max_size=tools))
    cells = []
    if tools:
        index = st.integers(-1, tools - 1)
        for true, predicted in draw(st.sets(st.tuples(index, index))):
            lines = [2 + true, 9]
            cells.append(Cell(true=true, predicted=predicted, count=3, lines=lines))
    return Tools(accuracy=None, labels=labels, confusion=confusion, cells=cells)


def by_names(confusion: Confusion) -> dict[tuple[str, str], int]:
    """Every count by true and predicted name."""
    return {
        (true, predicted): int(confusion.counts[row, column])
        for row, true in enumerate(confusion.rows)
        for column, predicted in enumerate(confusion.columns)
    }


@given(tool_metrics(), st.sampled_from(ORDERS))
def test_an_order_moves_whole_rows_and_columns(tool: Tools, order: str) -> None:
    plain = Confusion.of(tool)
    ordered = plain.ordered(order)
    assert by_names(ordered) == by_names(plain)
    assert ordered.rows[: ordered.tools] == ordered.columns[: ordered.tools]
    assert ordered.rows[ordered.tools :] in ((), (UNSEEN,))
    assert ordered.columns[ordered.tools :] in ((), (NO_TOOL,))
    assert ordered.counts[ordered.right].sum() == plain.counts[plain.right].sum()
    ranks = {
        "name": [name.casefold() for name in ordered.rows],
        "samples": (-ordered.row_totals).tolist(),
        "errors": (-(ordered.counts * ~ordered.right).sum(axis=1)).tolist(),
    }[order][: ordered.tools]
    assert ranks == sorted(ranks)


@given(tool_metrics())
def test_lines_are_found_by_the_names_of_their_cell(tool: Tools) -> None:
    lines = Confusion.of(tool).lines
    names = [*tool.labels, None]
    for cell in tool.cells:
        true = names[cell.true] or UNSEEN
        predicted = names[cell.predicted] or NO_TOOL
        assert lines[true, predicted] == cell.lines
    assert len(lines) == len(tool.cells)


@given(tool_metrics(), st.sampled_from(SHARES[1:]))
def test_shares_of_rows_and_columns_add_up(tool: Tools, of: str) -> None:
    confusion = Confusion.of(tool)
    axis = 1 if of == "row %" else 0
    sums = confusion.shares(of).sum(axis=axis)
    np.testing.assert_allclose(sums, confusion.counts.any(axis=axis))


@given(tool_metrics())
def test_errors_are_all_wrong_cells_from_the_largest(tool: Tools) -> None:
    confusion = Confusion.of(tool)
    errors = confusion.errors()
    counts = [int(confusion.counts[error]) for error in errors]
    assert counts == sorted(counts, reverse=True)
    assert not any(confusion.right[error] for error in errors)
    assert sum(counts) == (confusion.counts * ~confusion.right).sum()


def test_recall_and_precision_are_the_usual_ones() -> None:
    counts = np.array([[4, 1, 0], [2, 2, 3], [0, 0, 0]])
    confusion = Confusion.of(
        Tools(accuracy=None, labels=["a", "b", "c"], confusion=counts.tolist())
    )
    true, predicted = np.repeat(np.argwhere(counts >= 0), counts.ravel(), axis=0).T
    usual = {"labels": [0, 1, 2], "average": None, "zero_division": 0}
    np.testing.assert_allclose(
        confusion.recall[:2], sklearn().recall_score(true, predicted, **usual)[:2]
    )
    np.testing.assert_allclose(
        confusion.precision, sklearn().precision_score(true, predicted, **usual)
    )
    assert np.isnan(confusion.recall[2])


def test_unseen_tools_and_no_tool_are_a_row_and_a_column_of_errors() -> None:
    cells = [
        Cell(true=0, predicted=-1, count=30, lines=[1, 2]),
        Cell(true=-1, predicted=0, lines=[3, 4]),
    ]
    tool = Tools(accuracy=None, labels=["a"], confusion=[[5]], cells=cells)
    confusion = Confusion.of(tool)
    assert confusion.rows == ("a", UNSEEN)
    assert confusion.columns == ("a", NO_TOOL)
    assert confusion.counts.tolist() == [[5, 30], [2, 0]]
    assert confusion.recall[0] == pytest.approx(5 / 35)
    assert confusion.recall[1] == 0
    assert confusion.errors() == [(0, 1), (1, 0)]
    neither = Cell(true=-1, predicted=-1, lines=[5])
    assert not Confusion.of(replace(tool, cells=[*cells, neither])).right[1, 1]
