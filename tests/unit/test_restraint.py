"""Charts wait while the screen uses much of a core, but not for long."""

import pytest

from trm_tui.widgets.run.restraint import MOST_WAIT, Restraint


class Clocks:
    """Clocks that only move by hand; ``share`` is how busy the process is."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.cpu, self.share = 100.0, 1.0, 0.0
        monkeypatch.setattr("time.monotonic", lambda: self.now)
        monkeypatch.setattr("time.process_time", lambda: self.cpu)

    def drawn(self, restraint: Restraint, seconds: float, tick: float = 0.1) -> int:
        """How many of the ticks draw."""
        count = 0
        for _ in range(round(seconds / tick)):
            self.now += tick
            self.cpu += tick * self.share
            count += restraint.allows()
        return count


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    return Clocks(monkeypatch)


def test_every_tick_draws_while_little_is_used(clocks: Clocks) -> None:
    clocks.share = 0.05
    assert clocks.drawn(Restraint(), 10) == 100


def test_a_busy_screen_draws_seldom_but_does(clocks: Clocks) -> None:
    restraint = Restraint()
    clocks.share = 0.5
    clocks.drawn(restraint, 5)
    assert clocks.drawn(restraint, 10) == pytest.approx(10 / MOST_WAIT, abs=4)


def test_it_draws_at_once_after_a_rest(clocks: Clocks) -> None:
    restraint = Restraint()
    clocks.share = 0.5
    clocks.drawn(restraint, 5)
    clocks.share = 0.0
    clocks.drawn(restraint, 3)
    assert clocks.drawn(restraint, 1) == 10
