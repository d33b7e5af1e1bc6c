"""Which part of its curves a chart shows, and how zooming, panning and following change it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from trm_tui.store.trace import Window

NEAR_THE_END = 0.1
"""Zooming in at the last tenth of a followed window goes on following."""


@dataclass(frozen=True)
class View:
    """What charts can have in common.

    ``window`` is a stretch of ``axis``, None for all of it. While ``follow`` is set the window
    keeps its width and ends at the newest value; otherwise it stays where it is.
    """

    axis: str = "step"
    window: Window | None = None
    follow: bool = True
    smoothing: float = 0.9

    def shown(self, domain: Window) -> Window:
        """The stretch that is seen when curves reach over ``domain``."""
        if self.window is None:
            return domain
        if not self.follow:
            return self.window
        width = self.window[1] - self.window[0]
        return max(domain[0], domain[1] - width), domain[1]

    def zoomed(
        self, domain: Window, factor: float, at: float | None = None, least: float = 0.0
    ) -> View:
        """The window ``factor`` times as wide, and at least ``least``; ``at`` stays in its place.

        Without ``at`` it is the end that stays while following, and the middle otherwise.
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
        """The window moved by a share of its width; at the newest value it follows again."""
        if self.window is None and self.follow:
            return self
        low, high = self.shown(domain)
        width = high - low
        return self._within(domain, low + share * width, width, True)

    def toggled(self, domain: Window) -> View:
        """Frozen where it is; or following, with all values if the first one is in the window."""
        low, high = self.shown(domain)
        if self.follow:
            return replace(self, window=(low, high), follow=False)
        return replace(self, window=None if low <= domain[0] else (low, high), follow=True)

    def reset(self) -> View:
        """All of it, following."""
        return replace(self, window=None, follow=True)

    def _within(self, domain: Window, begin: float, width: float, follow: bool) -> View:
        """The window moved into the domain; it follows only if it ends where the domain does."""
        first, last = domain
        if width >= last - first:
            return self.reset()
        begin = min(max(begin, first), last - width)
        at_end = begin + width >= last - 1e-9 * width
        return replace(self, window=(begin, begin + width), follow=follow and at_end)
