"""Progress of a run: bars in a terminal, lines otherwise."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Self

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from trm_engine.runs.schema.events import Steps
from trm_tui.text.console import PrintableConsole
from trm_tui.text.words import duration

LINE_SECONDS = 10.0
LINE_SHARE = 0.05


class Pace:
    """The progress and speed of training."""

    def __init__(self, total: int = 0, first: int = 0, begun: float = 0.0) -> None:
        self.total = total
        self.step = first
        self.share = 0.0
        self._first = first
        self._begun = begun
        self.figures: list[str] = []

    def take(self, event: Steps) -> bool:
        """Update from an event. Returns whether the event has all columns."""
        epochs, losses, rates = map(event.column, ("epoch", "total_loss", "samples_per_s"))
        if not (epochs and losses and rates):
            return False
        self.step = event.steps[-1]
        self.share = self.step / self.total if self.total else 0.0
        rate = (self.step - self._first) / max(event.t - self._begun, 1e-9)
        left = duration((self.total - self.step) / rate) if rate > 0 else "–"
        self.figures = [
            f"epoch {_number(epochs[-1]):.2f}",
            f"loss {sum(map(_number, losses)) / len(losses):.4f}",
            f"{left} left",
            f"{_number(rates[-1]):,.0f} samples/s",
        ]
        return True

    def parts(self) -> list[str]:
        """The texts to show, most important first."""
        return [f"{self.step:,}/{self.total:,}", *self.figures]


class Lines:
    """Output without a terminal: an occasional line, for log files."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._last_stage = ""
        self._last_time = -math.inf
        self._last_share = -math.inf

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def show(self, what: RenderableType) -> None:
        """Print a table or a line. A line is not wrapped."""
        self.console.print(what, soft_wrap=isinstance(what, Text))

    def evaluating(self, done: int, total: int) -> None:
        """Show the progress of an evaluation. It is over when ``done`` equals ``total``."""

    def refresh(self) -> None:
        """Redraw. Called a few times a second."""

    def preparing(self, what: str, share: float, seconds_left: float | None = None) -> None:
        if what != self._last_stage:
            self._last_stage = what
            self.show(Text(f"{what} …"))

    def training(self, pace: Pace) -> None:
        if not pace.figures:
            return
        now = time.monotonic()
        is_time = now - self._last_time >= LINE_SECONDS
        is_far = pace.share - self._last_share >= LINE_SHARE
        if (is_time and is_far) or pace.step == pace.total:
            self._last_time, self._last_share = now, pace.share
            self.show(Text(f"step {'  '.join(pace.parts())}"))


class Bars(Lines):
    """Output in a terminal: progress bars at the bottom, other output above them."""

    WIDEST = 40
    NARROWEST = 4

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._bar = BarColumn(self.NARROWEST)
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            self._bar,
            TextColumn("{task.fields[figures]}", markup=False),
            console=console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._tasks: dict[str, TaskID] = {}
        self._parts: dict[str, list[str]] = {}
        self._longest = 0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def preparing(self, what: str, share: float, seconds_left: float | None = None) -> None:
        left = [] if seconds_left is None else [f"{duration(seconds_left)} left"]
        self._update("preparing", share, [what, *left])

    def training(self, pace: Pace) -> None:
        self._remove("preparing")
        self._update("training", pace.share, pace.parts())

    def evaluating(self, done: int, total: int) -> None:
        self._update("evaluating", done / max(total, 1), [f"{done:,}/{total:,} samples"])
        if done >= total:
            self._remove("evaluating")

    def refresh(self) -> None:
        names = max(map(len, self._tasks), default=0)
        room = self.console.width - names - 2
        for name, task in self._tasks.items():
            figures = _fitting(self._parts[name], room - self.NARROWEST)
            self._longest = max(self._longest, len(figures))
            self._progress.update(task, figures=figures)
        self._bar.bar_width = max(self.NARROWEST, min(self.WIDEST, room - self._longest))
        self._progress.refresh()

    def _update(self, name: str, share: float, parts: list[str]) -> None:
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=1.0, figures="")
        self._progress.update(self._tasks[name], completed=share)
        self._parts[name] = parts

    def _remove(self, name: str) -> None:
        if name in self._tasks:
            self._progress.remove_task(self._tasks.pop(name))
            self._longest = 0


@contextmanager
def progress_bar(what: str, total: int) -> Iterator[Callable[[float], None]]:
    """Show a bar on standard error if it is a terminal. Yields a function that sets it."""
    console = PrintableConsole(stderr=True)
    if not console.is_terminal or not total:
        yield lambda done: None
        return
    with Progress(
        TextColumn(what, markup=False),
        BarColumn(),
        TimeRemainingColumn(compact=True),
        console=console,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    ) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _fitting(parts: list[str], width: int) -> str:
    """The first parts that fit into ``width``, at least the first one, cut if necessary."""
    while len(parts) > 1 and len("  ".join(parts)) > width:
        parts = parts[:-1]
    text = "  ".join(parts)
    return text if len(text) <= width else f"{text[: max(width - 1, 0)]}…"
