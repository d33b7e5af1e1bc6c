"""SweepScreen: a sweep live: its trials, the best so far, and which settings matter."""

from __future__ import annotations

from collections.abc import Iterable

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.screen import Screen
from textual.widgets import Static

from trm_engine.errors import UserError
from trm_engine.printable import one_line
from trm_engine.runs.commands import Confirmation
from trm_tui.screens.confirm import ConfirmDialog
from trm_tui.screens.train import TrainScreen
from trm_tui.sessions.run import AttachedRun
from trm_tui.sessions.sweep import SweepSession, Trial
from trm_tui.settings import Remembered
from trm_tui.store.groups import short_name
from trm_tui.store.growing import Points, Rising
from trm_tui.store.slices import slice_of
from trm_tui.store.trace import Trace
from trm_tui.text.metrics import metric_text
from trm_tui.widgets.chart.chart import Chart
from trm_tui.widgets.chart.view import View
from trm_tui.widgets.key_footer import KeyFooter
from trm_tui.widgets.sweep.trials import ImportanceTable, TrialsTable

TICK_SECONDS = 0.5
LEAVE = Confirmation(
    "Leave the sweep?",
    "The running trials save a checkpoint and stop. The same command goes on with them.",
    "Stop and leave",
)


class SweepScreen(Screen[None]):
    """Runs the session: without this screen no trial begins."""

    DEFAULT_CSS = """
    SweepScreen {
        & #sweep-head { height: 1; padding: 0 1; }
        & #sweep { layout: horizontal; height: 1fr; }
        & #sweep > TrialsTable { width: 3fr; height: 1fr; }
        & #sweep > Vertical { width: 2fr; height: 1fr; }
        & #sweep ImportanceTable { height: 9; }
        &.-short #slice { display: none; }
        &.-narrow #sweep { layout: vertical; }
        &.-narrow #sweep > TrialsTable, &.-narrow #sweep > Vertical { width: 1fr; }
        &.-narrow #sweep ImportanceTable { height: 5; }
    }
    """
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (36, "-tall")]

    def __init__(self, session: SweepSession, remembered: Remembered) -> None:
        super().__init__()
        self._session = session
        self._remembered = remembered
        self._is_busy = False
        self._numbers, self._values = Rising(), Points()
        self._best_numbers, self._best_values = Rising(), Points()
        self._sliced = ""

    def compose(self) -> ComposeResult:
        """Head, trials, chart and importance."""
        session = self._session
        short = session.metric.short
        traces = [
            Trace("trials", self._values, {"trial": self._numbers}, points=True),
            Trace("best so far", self._best_values, {"trial": self._best_numbers}, smooth=False),
        ]
        yield Static(id="sweep-head")
        with Container(id="sweep"):
            yield TrialsTable(list(session.plan.settings), session.metric, classes="panel")
            with Vertical():
                view = View(axis="trial")
                yield Chart(f"{short} by trial", traces, view=view, id="curve", classes="panel")
                yield Chart(f"{short} by setting", [], id="slice", classes="panel")
                yield ImportanceTable(classes="panel")
        yield KeyFooter()

    def on_mount(self) -> None:
        """Run the session."""
        self._show()
        self.set_interval(TICK_SECONDS, self._tick)

    def leave(self) -> None:
        """Ask, unless nothing runs."""
        if self._session.is_over:
            self.dismiss(None)
            return

        def finish(is_confirmed: bool | None) -> None:
            if is_confirmed:
                self.dismiss(None)

        self.app.push_screen(ConfirmDialog(LEAVE), finish)

    def _tick(self) -> None:
        if not self._is_busy:
            self._is_busy = True
            self._work()

    @work(thread=True)
    def _work(self) -> None:
        """The storage takes longer than a paint may."""
        try:
            ended = self._session.tick()
        except UserError as error:
            self.app.call_from_thread(self.notify, str(error), severity="error")
            ended = []
        self._is_busy = False
        self.app.call_from_thread(self._show, ended)

    def _show(self, ended: Iterable[Trial] = ()) -> None:
        if not self.is_attached:
            return
        session = self._session
        self.query_one(TrialsTable).show(session.trials, session.best)
        self.query_one(ImportanceTable).show(session.importance)
        self.query_one("#sweep-head", Static).update(self._head())
        self._show_curve()
        for trial in ended:
            if trial.state == "failed":
                self.notify(f"Trial {trial.number} failed: {trial.note}", severity="warning")

    def _head(self) -> Text:
        session = self._session
        states = [trial.state for trial in session.trials]
        counts = [f"{states.count(state)} {state}" for state in dict.fromkeys(states)]
        parts = [one_line(session.folder.name), f"{len(states)} of {session.plan.trials} trials"]
        best = session.best
        if best and best.value is not None:
            value = metric_text(session.metric, best.value)
            parts.append(f"best {session.metric.choice} {value} (trial {best.number})")
        return Text(" · ".join([*parts, *counts]), no_wrap=True, overflow="ellipsis")

    def _show_curve(self) -> None:
        """The values of the finished trials, and the best of them so far."""
        metric = self._session.metric
        done = [
            (trial.number, trial.value)
            for trial in sorted(self._session.trials, key=lambda each: each.number)
            if trial.state == "finished" and trial.value is not None
        ]
        if len(done) == len(self._values):
            return
        better = max if metric.higher_is_better else min
        bests = [better(value for _, value in done[: n + 1]) for n in range(len(done))]
        for column in (self._numbers, self._best_numbers):
            column.replace([number for number, _ in done])
        self._values.replace([value for _, value in done])
        self._best_values.replace(bests)
        self.query_one("#curve", Chart).refresh_data()
        self._show_slice()

    def _show_slice(self) -> None:
        """The values of the finished trials against one setting, at first the most important."""
        session = self._session
        names = [*sorted(session.importance, key=lambda key: -session.importance[key])]
        names += [key for key in session.plan.settings if key not in names]
        self._sliced = self._sliced or names[0]
        done = [
            (trial.params.get(self._sliced), trial.value)
            for trial in session.trials
            if trial.state == "finished" and trial.value is not None
        ]
        short = short_name(self._sliced)
        found = slice_of(short, session.plan.settings[self._sliced], done)
        places = {found.axis: Points(found.places)}
        values = Points(found.values)
        chart = self.query_one("#slice", Chart)
        chart.title = f"{session.metric.short} by {one_line(found.axis)}"
        chart.view = View(axis=found.axis)
        chart.traces = [Trace("trials", values, places, points=True, joined=False)]

    @on(TrialsTable.SliceRequested)
    def _next_slice(self) -> None:
        names = list(self._session.plan.settings)
        self._sliced = names[(names.index(self._sliced) + 1) % len(names)] if self._sliced else ""
        self._show_slice()

    @on(TrialsTable.Asked)
    def _ask(self, event: TrialsTable.Asked) -> None:
        trial = event.trial
        if event.what == "open":
            self._open(trial)
        elif event.what == "promote":
            self._promote(trial)
        elif trial.state != "running":
            self.notify("This trial is not running.", severity="warning")
        else:
            (self._session.stop if event.what == "stop" else self._session.prune)(trial)
            self._show()

    def _promote(self, trial: Trial) -> None:
        try:
            out = self._session.promote(trial)
        except UserError as error:
            self.notify(str(error), severity="error")
        else:
            self.notify(f"Written: trm-tui train {out}")
            self._show()

    def _open(self, trial: Trial) -> None:
        try:
            run = AttachedRun.checked(trial.folder)
        except UserError as error:
            self.notify(str(error), severity="error")
        else:
            self.app.push_screen(TrainScreen(run, self._remembered))
