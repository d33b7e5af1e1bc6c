"""TrainTabs: the tabs of a run, and the updates of their panes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from textual import on
from textual.containers import Container, Horizontal, Vertical
from textual.widget import Widget
from textual.widgets import TabbedContent

from trm_engine.printable import one_line
from trm_engine.runs.best import reported_score
from trm_engine.runs.schema.evaluation import SHARES
from trm_engine.runs.schema.events import Evaluated
from trm_tui.sessions.run import AttachedRun
from trm_tui.sessions.run_state import awaited_evaluation
from trm_tui.sessions.sample_file import SampleFile
from trm_tui.settings import Settings
from trm_tui.store.growing import AXES, Points
from trm_tui.store.run import Topics
from trm_tui.store.trace import Trace
from trm_tui.text.words import size
from trm_tui.widgets.awaits_evaluation import AwaitsEvaluation
from trm_tui.widgets.chart.chart import Chart
from trm_tui.widgets.chart.confidence import ConfidenceCurves
from trm_tui.widgets.chart.in_step import ChartsInStep
from trm_tui.widgets.chart.view import View
from trm_tui.widgets.checkpoint.confident_wrong import ConfidentWrong
from trm_tui.widgets.conversation.sample_reader import SampleReader
from trm_tui.widgets.lazy_tabs import LazyTabs
from trm_tui.widgets.log.view import LogView
from trm_tui.widgets.matrix.decision import DecisionMatrix
from trm_tui.widgets.matrix.panes import ToolPanes
from trm_tui.widgets.matrix.tool import ToolMatrix
from trm_tui.widgets.run.config import ConfigView
from trm_tui.widgets.run.evaluation_history import EvaluationHistory
from trm_tui.widgets.run.evaluation_line import EvaluationLine
from trm_tui.widgets.run.facts import RunFacts
from trm_tui.widgets.run.moving_samples import MovingSamples
from trm_tui.widgets.run.restraint import Restraint
from trm_tui.widgets.run.slot_accuracy import SlotAccuracy
from trm_tui.widgets.run.supervision_steps import SupervisionSteps

TOTAL = "total_loss"
CHARTS_A_TICK = 3
"""Most outdated charts that a tick draws; it draws only one while every tick brings updates."""
COLUMNS = {
    "Learning rate": "lr",
    "Gradient norm": "grad_norm",
    "Samples a second": "samples_per_s",
    "Memory": "memory",
}
NAMED_BELOW = "ConfidenceCurves, ConfidentWrong, DecisionMatrix, SlotAccuracy, SupervisionSteps"
"""The panes whose lower border has only the name of the shown evaluation."""

SMOOTH_ALREADY = {"lr", "memory"}
FORMS = {"Memory": size}


class TrainTabs(LazyTabs, ChartsInStep):
    """The tabs of a run. ``show`` updates them.

    ``selected`` is the index of the shown evaluation; None means the newest one. ``_outdated`` are
    the visible charts that lack new values, ``_elsewhere`` those that show another part of them.
    """

    TABS = (
        *("Live", "Charts", "Evaluation", "Tools", "Slots", "Samples", "Log", "Run"),
        "Confidence",
    )
    SHORT = {"Confidence": "Conf."}

    def __init__(self, run: AttachedRun, settings: Settings) -> None:
        super().__init__(settings.tab)
        self.watched = run
        self.selected: int | None = None
        self._settings = settings
        self._view = View(settings.x_axis, smoothing=settings.smoothing)
        self._lines_shown = 0
        self._losses_known = 0
        self._file: SampleFile | None = None
        self._outdated: dict[Chart, None] = {}
        self._elsewhere: dict[Chart, None] = {}
        self._restraint = Restraint()

    # Composition ------------------------------------------------------------------------------

    def content(self, tab: str) -> Widget:
        """The panes of a tab."""
        make: Callable[[], Widget] = getattr(self, f"_{tab}")
        return make()

    def filled(self, tab: str) -> None:
        """Fill the new panes. Panes of other tabs are already up to date."""
        self.show({"steps", "evaluations", "started", "log"})

    def _live(self) -> Widget:
        charts = Vertical(
            self._chart("Loss", id="loss"),
            Horizontal(
                self._chart("Learning rate", id="lr"),
                self._chart("Gradient norm", id="norm"),
                id="small-charts",
            ),
            EvaluationLine(),
            id="live-charts",
        )
        panels = Vertical(
            SupervisionSteps(classes="panel"),
            DecisionMatrix(classes="panel"),
            SlotAccuracy(classes="panel"),
            MovingSamples(classes="panel"),
            id="live-panels",
        )
        return Horizontal(charts, panels)

    def _charts(self) -> Widget:
        return Container(*map(self._chart, ("Loss by part", "Accuracy", *COLUMNS)), id="chart-grid")

    def _evaluation(self) -> Widget:
        chart = self._chart("Accuracy")
        history = Vertical(EvaluationHistory(classes="panel"), chart, id="history")
        judged = Container(
            *(pane(classes="panel") for pane in (SupervisionSteps, DecisionMatrix, SlotAccuracy)),
            id="judged",
        )
        return Container(history, judged, id="history-panes")

    def _tools(self) -> Widget:
        return ToolPanes(self.load)

    def _slots(self) -> Widget:
        panes = (SlotAccuracy(classes="panel"), self._chart("Slot values"))
        return Vertical(*panes, id="slot-panes")

    def _samples(self) -> Widget:
        samples = MovingSamples(classes="panel", id="moving-samples")
        reader = SampleReader(self.load, id="sample-of-list", classes="panel")
        return Vertical(samples, reader)

    def _confidence(self) -> Widget:
        panes = (ConfidenceCurves(classes="panel"), ConfidentWrong())
        return Vertical(*panes, id="confidence-panes")

    def _log(self) -> Widget:
        return LogView(classes="panel")

    def _run(self) -> Widget:
        return Container(
            RunFacts(classes="panel"), ConfigView(classes="panel"), classes="side-by-side"
        )

    def _chart(self, title: str, id: str | None = None) -> Chart:
        chart = Chart(
            title,
            self._traces(title),
            form=FORMS.get(title),
            log=self._settings.log_scale.get(title, False),
            view=self._view,
            id=id,
            classes="panel",
        )
        chart.hidden = self._settings.hidden_series
        return chart

    def _traces(self, title: str) -> list[Trace]:
        store = self.watched.store
        points = {axis: store.metrics[axis] for axis in AXES}
        if title == "Loss":
            return [
                self._trace("training", TOTAL),
                Trace("validation", store.metrics["loss"], points, points=True),
            ]
        if title == "Loss by part":
            return [self._trace(name.removesuffix("_loss"), name) for name in self._parts()]
        if title == "Accuracy":
            return [
                Trace(metric.short, store.metrics[metric.name], points, points=True)
                for metric in SHARES
            ]
        if title == "Slot values":
            return [
                Trace(one_line(name), Points(values), points, points=True)
                for name, values in store.slot_values().items()
            ]
        column = COLUMNS[title]
        return [self._trace(title.lower(), column, smooth=column not in SMOOTH_ALREADY)]

    def _trace(self, name: str, column: str, smooth: bool = True) -> Trace:
        columns = self.watched.store.columns
        axes = {axis: columns[axis] for axis in AXES}
        return Trace(name, columns[column], axes, smooth=smooth)

    def _parts(self) -> list[str]:
        columns = self.watched.store.columns
        return [name for name in columns if name.endswith("_loss") and name != TOTAL]

    def load(self, line: int) -> dict[str, Any] | None:
        """The validation sample on a line; None if there is none. Raises OSError or UserError."""
        started = self.watched.store.started
        path = Path(started.data.val.path) if started else self.watched.folder.path
        if self._file is None or self._file.path != path:
            self._file = SampleFile(path)
        return self._file.load(line)

    def remembered(self) -> dict[str, Any]:
        """The current view as settings. Charts that were never opened keep their settings."""
        charts = list(self.query(Chart))
        known = {trace.name for chart in charts for trace in chart.traces}
        hidden = {name for chart in charts for name in chart.hidden}
        scales = {chart.title: chart.log_scale for chart in charts}
        return {
            "x_axis": self._view.axis,
            "smoothing": self._view.smoothing,
            "log_scale": self._settings.log_scale | scales,
            "hidden_series": sorted(hidden | (set(self._settings.hidden_series) - known)),
            "tab": self.active,
        }

    # Updates ----------------------------------------------------------------------------------

    def show(self, changed: Topics) -> None:
        """Show what changed."""
        if "restarted" in changed:
            self._renew_traces()
        if "steps" in changed and len(self._parts()) != self._losses_known:
            self._losses_known = len(self._parts())
            self._renew_traces()
        self._draw_charts(changed)
        if changed & {"evaluations", "restarted"}:
            self._show_evaluations()
        if changed & {"evaluating", "evaluations", "started", "state"}:
            self._show_awaited()
        if changed & {"started", "checkpoints", "state"}:
            self._show_facts()
        if changed & {"log", "restarted"}:
            self._show_log()

    def _draw_charts(self, changed: Topics) -> None:
        """Draw some of the outdated charts. Drawing all at once would delay the keyboard."""
        if changed & {"steps", "evaluations"}:
            self._outdated |= dict.fromkeys(self._visible_charts())
        is_fast = changed == {"steps"}  # updates came alone, within one tick
        may_draw = self._restraint.allows() or not is_fast or self._elsewhere
        count = (1 if is_fast else CHARTS_A_TICK) if may_draw else 0
        for chart in [*self._elsewhere, *self._outdated][:count]:
            self._outdated.pop(chart, None)
            if chart in self._elsewhere:
                del self._elsewhere[chart]
                chart.view = self._view
            else:
                chart.refresh_data()

    def _visible_charts(self) -> Iterable[Chart]:
        pane = self.query_one(TabbedContent).active_pane
        return pane.query(Chart) if pane else ()

    def show_losses(self) -> None:
        """Show the current training loss at each supervision step, beside the newest evaluation."""
        losses = self.watched.store.losses_by_step() if self.selected is None else ()
        for panel in self.query(SupervisionSteps):
            panel.show_losses(losses)

    def _renew_traces(self) -> None:
        for chart in self.query(Chart):
            chart.traces = self._traces(chart.title)

    def _show_evaluations(self) -> None:
        evaluations = self.watched.store.evaluations
        for history in self.query(EvaluationHistory):
            history.set_evaluations(evaluations)
        for chart in self.query(Chart):
            if chart.title == "Slot values":
                chart.traces = self._traces(chart.title)
        self._show_selected()

    def _show_selected(self) -> None:
        """Show the selected evaluation, compared with the previous one, in all its panels."""
        now, before = self._selected_and_previous()
        new, old = now.metrics if now else None, before.metrics if before else None
        for line in self.query(EvaluationLine):
            line.show(now, before, self._which(now))
        for samples in self.query(MovingSamples):
            samples.set_evaluations(self._up_to_selected(), self._which(now))
        for matrix in self.query(DecisionMatrix):
            matrix.show(new.decision if new else None, old.decision if old else None)
        for curves in self.query(ConfidenceCurves):
            curves.show(new)
        for wrong in self.query(ConfidentWrong):
            wrong.show_worst((new and new.worst) or ())
        for tools in self.query(ToolMatrix):
            tools.show(new.tool if new else None, self._which(now))
        for slots in self.query(SlotAccuracy):
            slots.show(new.slots if new else None, old.slots if old else None)
        for steps in self.query(SupervisionSteps):
            steps.show_evaluation(
                new.by_step if new else (),
                old.by_step if old else (),
                new.halting if new else None,
            )
        self.show_losses()
        for panel in self.query(NAMED_BELOW):
            panel.border_subtitle = self._which(now)
        panels = self.query(f"{NAMED_BELOW}, EvaluationLine, MovingSamples, ToolMatrix")
        panels.set_class(self.selected is not None, "-earlier")

    def _show_awaited(self) -> None:
        """In panes without an evaluation: how far the first one is, or when it comes."""
        if self.watched.store.evaluations:
            return
        text = awaited_evaluation(self.watched)
        for pane in self.query("*"):
            if isinstance(pane, AwaitsEvaluation):
                pane.wait(text)

    def _which(self, evaluation: Evaluated | None) -> str:
        if evaluation is None:
            return ""
        newest = self.selected is None
        return f"step {evaluation.step:,}" + ("" if newest else ", not the newest")

    def _selected_and_previous(self) -> tuple[Evaluated | None, Evaluated | None]:
        evaluations = self.watched.store.evaluations
        index = len(evaluations) - 1 if self.selected is None else self.selected
        now = evaluations[index] if 0 <= index < len(evaluations) else None
        return now, evaluations[index - 1] if now and index else None

    def _up_to_selected(self) -> list[Evaluated]:
        evaluations = self.watched.store.evaluations
        return evaluations if self.selected is None else evaluations[: self.selected + 1]

    def _show_facts(self) -> None:
        store = self.watched.store
        best = store.best
        score = best and reported_score(best)
        extra = {"best so far": f"{score} at step {best.step:,}"} if best and score else {}
        for facts in self.query(RunFacts):
            folder, state = self.watched.folder.path, self.watched.state
            facts.show(store.started, folder, state, store.checkpoints, extra)
        if store.started:
            for view in self.query(ConfigView):
                from trm_engine.config import Config  # takes 0.1 s

                view.show(store.started.config, defaults=Config().to_dict())

    def _show_log(self) -> None:
        lines = self.watched.store.log
        for view in self.query(LogView):
            if len(lines) < self._lines_shown:
                self._lines_shown = 0
                view.clear()
            view.add(lines[self._lines_shown :])
            self._lines_shown = len(lines)

    # Messages ---------------------------------------------------------------------------------

    def follow_view(self, view: View, changed: Chart) -> None:
        """Show a part of all charts, with the next ticks; hidden ones cost nothing."""
        self._view = view
        self._elsewhere = dict.fromkeys(self._visible_charts())
        for waiting in (self._elsewhere, self._outdated):
            waiting.pop(changed, None)
        for chart in self.query(Chart):
            if chart not in self._elsewhere and chart is not changed:
                chart.view = view

    @on(MovingSamples.Selected, "#moving-samples")
    def _read_sample(self, event: MovingSamples.Selected) -> None:
        """Show the conversation beside the list."""
        reader = self.query_one("#sample-of-list", SampleReader)
        reader.show([event.line], f"Line {event.line:,}")

    @on(EvaluationHistory.Selected)
    def _select_evaluation(self, event: EvaluationHistory.Selected) -> None:
        self.selected = event.index
        self._show_selected()
