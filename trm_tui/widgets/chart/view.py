"""View: the visible part of a plot, and how zooming, panning and following change it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from trm_tui.store.trace import Window

NEAR_THE_END = 0.1
"""Zooming in at the last tenth of a followed window keeps following."""


@dataclass(frozen=True)
class View:
    """The view, which several charts can share.

    ``window`` is a range of ``axis``; None is all of it. With ``follow`` the window keeps its width
    and ends at the newest value. Without it the window stays where it is.
    """

    axis: str = "step"
    window: Window | None = None
    follow: bool = True
    smoothing: float = 0.9

    def shown(self, domain: Window) -> Window:
        """The visible range, given the range of the data."""
        if self.window is None:
            return domain
        if not self.follow:
            return self.window
        width = self.window[1] - self.window[0]
        return max(domain[0], domain[1] - width), domain[1]

    def zoomed(
        self, domain: Window, factor: float, at: float | None = None, least: float = 0.0
    ) -> View:
        """Make the window ``factor`` times as wide, but at least ``least``, around ``at``.

        By default ``at`` is the end while following, and the middle otherwise.
        """
        low, high = self.shown(domain)
        width = high - low
        if at is None:
            at = high if self.follow else (low + high) / 2
        elif self.follow and high - at <= NEAR_THE_END * width:
            at = high
        wanted = max(width * factor, least)
        begin = at - (at - low) * (wanted / width if width else 1.0)
        return self._within(domain, begin, wanted, self.follow)

    def panned(self, domain: Window, share: float) -> View:
        """Move the window by a share of its width. At the newest value it follows again."""
        if self.window is None and self.follow:
            return self
        low, high = self.shown(domain)
        width = high - low
        return self._within(domain, low + share * width, width, True)

    def toggled(self, domain: Window) -> View:
        """Freeze or follow. If the first value is visible, following shows all values."""
        low, high = self.shown(domain)
        if self.follow:
            return replace(self, window=(low, high), follow=False)
        return replace(self, window=None if low <= domain[0] else (low, high), follow=True)

    def reset(self) -> View:
        """Show everything and follow."""
        return replace(self, window=None, follow=True)

    def _within(self, domain: Window, begin: float, width: float, follow: bool) -> View:
        """Move the window into the domain. It follows only if both end at the same value."""
        first, last = domain
        if width >= last - first:
            return self.reset()
        begin = min(max(begin, first), last - width)
        at_end = begin + width >= last - 1e-9 * width
        return replace(self, window=(begin, begin + width), follow=follow and at_end)
