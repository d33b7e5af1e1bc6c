"""Windows of a chart: zooming, panning, following and freezing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trm_tui.widgets.chart.view import View

DOMAIN = (0.0, 1_000.0)
LATER = (0.0, 1_500.0)


def test_everything_grows_with_the_data() -> None:
    assert View().shown(DOMAIN) == DOMAIN
    assert View().shown(LATER) == LATER


def test_zooming_in_while_following_keeps_the_newest_and_the_width() -> None:
    view = View().zoomed(DOMAIN, 0.1)
    assert view.shown(DOMAIN) == pytest.approx((900, 1_000))
    assert view.shown(LATER) == pytest.approx((1_400, 1_500))
    assert view.follow


def test_zooming_in_elsewhere_freezes_around_that_place() -> None:
    view = View().zoomed(DOMAIN, 0.5, at=250.0)
    assert not view.follow
    assert view.shown(LATER) == pytest.approx((125, 625))


def test_zooming_in_near_the_end_goes_on_following() -> None:
    assert View().zoomed(DOMAIN, 0.5, at=980.0).follow


def test_zooming_in_ends_at_the_least_width() -> None:
    view = View()
    for _ in range(50):
        view = view.zoomed(DOMAIN, 0.5, at=300.0, least=4.0)
    low, high = view.shown(DOMAIN)
    assert high - low == pytest.approx(4.0)
    assert low <= 300 <= high


def test_zooming_out_to_everything_follows_again() -> None:
    view = View().zoomed(DOMAIN, 0.5, at=250.0).zoomed(DOMAIN, 4.0)
    assert view == View()


def test_panning_away_freezes_and_back_to_the_end_follows() -> None:
    view = View().zoomed(DOMAIN, 0.2).panned(DOMAIN, -0.5)
    assert view.shown(LATER) == pytest.approx((700, 900))
    assert not view.follow
    view = view.panned(DOMAIN, 5.0)
    assert view.follow
    assert view.shown(LATER) == pytest.approx((1_300, 1_500))


def test_everything_cannot_be_panned() -> None:
    assert View().panned(DOMAIN, -0.5) == View()


def test_frozen_stays_and_following_goes_on_from_there() -> None:
    frozen = View().toggled(DOMAIN)
    assert frozen.shown(LATER) == DOMAIN
    assert frozen.toggled(LATER) == View()
    frozen = View().zoomed(DOMAIN, 0.1).toggled(DOMAIN)
    assert frozen.shown(LATER) == pytest.approx((900, 1_000))
    assert frozen.toggled(LATER).shown(LATER) == pytest.approx((1_400, 1_500))


def test_a_frozen_window_does_not_follow_because_it_is_zoomed() -> None:
    frozen = View().toggled(DOMAIN)
    assert not frozen.zoomed(DOMAIN, 0.5, at=1_000.0).follow


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("zoom"), st.floats(0.05, 5), st.none() | st.floats(-100, 1_100)),
        st.tuples(st.just("pan"), st.floats(-3, 3), st.none()),
        st.tuples(st.just("toggle"), st.just(0.0), st.none()),
    ),
    max_size=20,
)


@given(STEPS)
def test_windows_stay_inside_and_are_never_empty(
    steps: list[tuple[str, float, float | None]],
) -> None:
    view = View()
    for kind, amount, at in steps:
        if kind == "zoom":
            view = view.zoomed(DOMAIN, amount, at, least=2.0)
        else:
            view = view.panned(DOMAIN, amount) if kind == "pan" else view.toggled(DOMAIN)
        low, high = view.shown(DOMAIN)
        assert DOMAIN[0] - 1e-6 <= low < high <= DOMAIN[1] + 1e-6
        assert high - low >= 2.0 - 1e-6
