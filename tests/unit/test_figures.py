"""Figures as text: every one keeps its width, whatever the number or the text."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from trm_engine.printable import printable
from trm_tui.text.figures import (
    BLOCKS,
    LEVELS,
    LOSS_WIDTH,
    MARKS,
    bar,
    change,
    clip,
    clip_middle,
    figure,
    grade,
    loss_text,
    pad,
    seconds_text,
    share_text,
    sparkline,
)

SHARES = st.none() | st.floats(0, 1)
TEXTS = st.text(max_size=40).map(printable)


@given(SHARES, st.integers(0, 40))
def test_a_bar_is_as_wide_as_asked(share: float | None, width: int) -> None:
    drawn = bar(share, width)
    assert len(drawn) == width
    assert set(drawn) <= set(BLOCKS)


@given(st.floats(0, 1), st.floats(0, 1), st.integers(1, 40))
def test_a_bar_grows_with_the_share(one: float, other: float, width: int) -> None:
    low, high = (_eighths(bar(share, width)) for share in sorted((one, other)))
    assert low <= high
    assert abs(_eighths(bar(one, width)) - one * width * 8) <= 0.5


def test_a_bar_at_its_ends() -> None:
    assert bar(1.0, 3) == "███"
    assert bar(0.0, 3) == "   "
    assert bar(0.5, 3) == "█▌ "
    assert bar(math.nan, 3) == "   "
    assert bar(0.5, 0) == ""


@given(st.lists(SHARES, max_size=60), st.integers(0, 40))
def test_a_sparkline_ends_with_the_newest(shares: list[float | None], width: int) -> None:
    drawn = sparkline(shares, width)
    assert len(drawn) == width
    if shares and width:
        newest = shares[-1]
        assert drawn[-1] == (" " if newest is None else LEVELS[min(int(newest * 8), 7)])


@given(st.floats(0, 1e300))
def test_a_loss_keeps_its_width_and_its_value(loss: float) -> None:
    text = loss_text(loss)
    assert len(text) <= LOSS_WIDTH
    assert float(text) == pytest.approx(loss, rel=0.5, abs=5e-5)


@pytest.mark.parametrize(
    ("loss", "text"),
    [
        (0.0985, "0.0985"),
        (9.99996, "10.000"),
        (123.456, "123.46"),
        (1234567, "1e+06"),
        (None, "–"),
        (math.nan, "NaN"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
    ],
)
def test_losses(loss: float | None, text: str) -> None:
    assert loss_text(loss) == text


@pytest.mark.parametrize(
    ("now", "before", "shown"),
    [
        (0.912, 0.9, ("▲", "+0.012")),
        (0.9, 0.912, ("▼", "-0.012")),
        (0.9, 0.9004, ("=", "")),
        (0.9, 0.9, ("=", "")),
        (None, 0.9, ("", "")),
        (0.9, None, ("", "")),
        (math.nan, 0.9, ("", "")),
    ],
)
def test_changes(now: float | None, before: float | None, shown: tuple[str, str]) -> None:
    assert change(now, before) == shown


def test_grades_have_a_mark_of_their_own() -> None:
    assert [grade(share) for share in (0.9, 0.8999, 0.7, 0.6999, None, math.nan)] == [
        "good",
        "fair",
        "fair",
        "poor",
        "none",
        "none",
    ]
    assert len(set(MARKS.values())) == len(MARKS)


@given(TEXTS, st.integers(0, 30))
def test_clipped_text_never_exceeds_its_cells(text: str, width: int) -> None:
    for shorten in (clip, clip_middle):
        assert cell_len(shorten(text, width)) <= width
    if cell_len(text) <= width:
        assert clip(text, width) == clip_middle(text, width) == text


@given(TEXTS, st.integers(0, 30), st.booleans())
def test_padded_text_has_exactly_its_cells(text: str, width: int, left: bool) -> None:
    assert cell_len(pad(text, width, left)) == width


def test_the_middle_is_cut_out() -> None:
    assert clip_middle("restaurant.number_of_seats", 11) == "resta…seats"
    assert clip_middle("日本語日本語", 7) == "日…本語"


def test_a_figure_may_be_missing_anywhere() -> None:
    metrics = {"tool": {"accuracy": 1}, "loss": "NaN", "slots": None}
    assert figure(metrics, "tool", "accuracy") == 1.0
    assert math.isnan(figure(metrics, "loss") or 0)
    assert figure(metrics, "slots", "accuracy") is None
    assert figure(metrics, "tool", "f1") is None
    assert figure(None, "loss") is None


def test_durations_and_shares() -> None:
    assert [seconds_text(each) for each in (3.04, 59.96, 125, 3725, None)] == [
        "3.0 s",
        "1:00",
        "2:05",
        "1:02:05",
        "–",
    ]
    assert [share_text(each) for each in (1.0, 0.12345, None)] == ["1.000", "0.123", "–"]


def _eighths(drawn: str) -> int:
    return sum(BLOCKS.index(block) for block in drawn)
