"""A server's counters over time: rates, latencies, a server that began again."""

from __future__ import annotations

import math

import pytest

from trm_tui.store.traffic import Figures, Traffic, quantile

INF = math.inf


def figures(requests: int, failed: int = 0, seconds: dict[float, float] | None = None) -> Figures:
    return Figures(statuses={200: requests - failed, 422: failed}, seconds=seconds or {})


def test_quantiles_lie_in_their_bucket() -> None:
    buckets = {0.001: 0.0, 0.002: 50.0, 0.004: 100.0, INF: 100.0}
    assert quantile(buckets, 0.5) == pytest.approx(0.002)
    assert quantile(buckets, 0.25) == pytest.approx(0.0015)
    assert quantile(buckets, 0.75) == pytest.approx(0.003)
    assert quantile({0.001: 0.0, INF: 5.0}, 0.5) == pytest.approx(0.001)
    assert math.isnan(quantile({}, 0.5))
    assert math.isnan(quantile({1.0: 0.0, INF: 0.0}, 0.5))


def test_rates_are_what_came_since_the_last_look() -> None:
    traffic = Traffic()
    traffic.take(100.0, figures(1000, 10))
    assert len(traffic.rate) == 0
    traffic.take(102.0, figures(1020, 14))
    traffic.take(103.0, figures(1020, 14))
    assert traffic.time.values.tolist() == [2.0, 3.0]
    assert traffic.rate.values.tolist() == [10.0, 0.0]
    assert traffic.failures.values.tolist() == [2.0, 0.0]
    assert traffic.now.failed == 14


def test_latencies_are_of_the_requests_since_the_last_look() -> None:
    traffic = Traffic()
    traffic.take(0.0, figures(10, seconds={0.001: 10.0, 0.002: 10.0, INF: 10.0}))
    traffic.take(1.0, figures(20, seconds={0.001: 10.0, 0.002: 20.0, INF: 20.0}))
    traffic.take(2.0, figures(20, seconds={0.001: 10.0, 0.002: 20.0, INF: 20.0}))
    assert traffic.busy.values.tolist() == [1.0]
    assert traffic.median.values.tolist() == pytest.approx([1.5])
    assert traffic.p95.values.tolist() == pytest.approx([1.95])


def test_a_server_that_began_again_counts_from_nothing() -> None:
    traffic = Traffic()
    traffic.take(0.0, figures(1000, seconds={0.001: 900.0, INF: 1000.0}))
    traffic.take(2.0, figures(4, seconds={0.001: 4.0, INF: 4.0}))
    assert traffic.rate.values.tolist() == [2.0]
    assert traffic.median.values.tolist() == pytest.approx([0.5])
