"""Traffic: what a server counts, as it grows: rates and latencies over time, and totals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from trm_tui.store.growing import Points, Rising

Buckets = Mapping[float, float]
"""A histogram: the number of values up to each upper end, the last of which is infinite."""

FAILED_FROM = 400
"""Statuses from here on are requests that were refused or failed."""


@dataclass(frozen=True)
class Figures:
    """A server's counters at one moment.

    ``statuses``: requests by HTTP status. ``outcomes``: answers by what became of them. ``calls``:
    calls by tool. ``drift``: the index by what is compared; NaN while it is unknown.
    """

    statuses: Mapping[int, float] = field(default_factory=dict)
    outcomes: Mapping[str, float] = field(default_factory=dict)
    calls: Mapping[str, float] = field(default_factory=dict)
    seconds: Buckets = field(default_factory=dict)
    drift: Mapping[str, float] = field(default_factory=dict)
    waiting: float = 0.0
    texts_lost: float = 0.0

    @property
    def requests(self) -> float:
        """All requests."""
        return sum(self.statuses.values())

    @property
    def failed(self) -> float:
        """Those that were refused or failed."""
        return sum(n for status, n in self.statuses.items() if status >= FAILED_FROM)


class Traffic:
    """Rates and latencies since the first look, a value for each look.

    ``time`` is in seconds since then, ``rate`` and ``failures`` in requests a second. Latencies are
    in milliseconds, over ``busy``: the times at which there were any requests.
    """

    def __init__(self) -> None:
        self.time, self.busy = Rising(), Rising()
        self.rate, self.failures = Points(), Points()
        self.median, self.p95 = Points(), Points()
        self.now = Figures()
        self._began: float | None = None
        self._last = 0.0

    def take(self, t: float, figures: Figures) -> None:
        """Add the counters at time ``t`` (seconds). Counters that fell began again at 0."""
        before, self.now = self.now, figures
        if self._began is None:
            self._began = self._last = t
            return
        seconds, self._last = t - self._last, t
        if seconds <= 0:
            return
        if figures.requests < before.requests:
            before = Figures()
        self.time.append(t - self._began)
        self.rate.append((figures.requests - before.requests) / seconds)
        self.failures.append((figures.failed - before.failed) / seconds)
        new = {end: n - before.seconds.get(end, 0.0) for end, n in figures.seconds.items()}
        if new and new[max(new)] > 0:
            self.busy.append(t - self._began)
            self.median.append(1000 * quantile(new, 0.5))
            self.p95.append(1000 * quantile(new, 0.95))


def quantile(buckets: Buckets, share: float) -> float:
    """The value below which a share of a histogram lies, as if each bucket were even.

    What lies beyond the last finite end counts as that end. NaN without values.
    """
    ends: Sequence[float] = sorted(buckets)
    if not ends or not buckets[ends[-1]]:
        return math.nan
    wanted, low, below = share * buckets[ends[-1]], 0.0, 0.0
    for end in ends:
        count = buckets[end] - below
        if buckets[end] >= wanted and count > 0:
            return low if math.isinf(end) else low + (end - low) * (wanted - below) / count
        low, below = end, buckets[end]
    return low
