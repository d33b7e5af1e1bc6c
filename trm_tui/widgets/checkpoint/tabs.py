"""InspectTabs: the tabs of a checkpoint, and the updates of their panes."""

from __future__ import annotations

from collections.abc import Callable

from textual.containers import Container, Vertical
from textual.widget import Widget

from trm_engine.runs.schema.model_file import ParameterStats, Vocabulary
from trm_tui.sessions.checkpoint import CheckpointSession
from trm_tui.widgets.awaits_evaluation import AwaitsEvaluation
from trm_tui.widgets.chart.confidence import ConfidenceCurves
from trm_tui.widgets.chart.halting_curve import HaltingCurve
from trm_tui.widgets.chart.histogram import HistogramView
from trm_tui.widgets.checkpoint.confident_wrong import ConfidentWrong, WrongValues
from trm_tui.widgets.checkpoint.facts import CheckpointFacts
from trm_tui.widgets.checkpoint.headline_figures import HeadlineFigures
from trm_tui.widgets.checkpoint.judged_samples import JudgedList
from trm_tui.widgets.checkpoint.labels import LabelsView
from trm_tui.widgets.checkpoint.parameters import ParametersTree
from trm_tui.widgets.checkpoint.sample_detail import SampleDetail
from trm_tui.widgets.checkpoint.vocabulary import VocabularyView
from trm_tui.widgets.conversation.sample_reader import Load
from trm_tui.widgets.lazy_tabs import LazyTabs
from trm_tui.widgets.matrix.decision import DecisionMatrix
from trm_tui.widgets.matrix.panes import ToolPanes
from trm_tui.widgets.matrix.tool import ToolMatrix
from trm_tui.widgets.run.config import ConfigView
from trm_tui.widgets.run.slot_accuracy import SlotAccuracy
from trm_tui.widgets.run.supervision_steps import SupervisionSteps

JUDGING = frozenset({"evaluation", "tools", "slots", "errors", "confidence"})
"""The tabs that need an evaluation."""


class InspectTabs(LazyTabs):
    """The tabs of a checkpoint, optionally compared with another one."""

    TABS = (
        "Summary",
        "Parameters",
        "Labels",
        "Vocabulary",
        "Evaluation",
        "Tools",
        "Slots",
        "Errors",
        "Confidence",
    )
    SHORT = {
        "Parameters": "Param.",
        "Vocabulary": "Vocab.",
        "Evaluation": "Eval.",
        "Confidence": "Conf.",
    }

    def __init__(self, session: CheckpointSession, load: Load) -> None:
        super().__init__()
        self._load = load
        self.session = session
        self.parameters: list[ParameterStats] | None = None
        self.vocabulary: Vocabulary | None = None
        self.status = ""

    def content(self, tab: str) -> Widget:
        """The panes of a tab."""
        make: Callable[[], Widget] = getattr(self, f"_{tab}")
        return make()

    def filled(self, tab: str) -> None:
        """Show the data that is already loaded."""
        self.show_summary()
        self.show_parameters()
        self.show_vocabulary()
        self.show_evaluation()

    def has_average(self, name: str) -> bool:
        """Whether a tensor has an average. Fixed tensors have none."""
        return any(each.name == name and each.ema for each in self.parameters or ())

    def _summary(self) -> Widget:
        panes = (CheckpointFacts(classes="panel"), ConfigView(classes="panel"))
        return Container(*panes, classes="side-by-side")

    def _parameters(self) -> Widget:
        return Vertical(
            ParametersTree(classes="panel"), HistogramView(classes="panel"), id="parameters-panes"
        )

    def _labels(self) -> Widget:
        return LabelsView(classes="panel")

    def _vocabulary(self) -> Widget:
        return VocabularyView(classes="panel")

    def _evaluation(self) -> Widget:
        panes = (
            HeadlineFigures,
            SupervisionSteps,
            DecisionMatrix,
            HaltingCurve,
            SlotAccuracy,
            ConfidenceCurves,
        )
        return Container(*(pane(classes="panel") for pane in panes), id="evaluation-panes")

    def _tools(self) -> Widget:
        return ToolPanes(self._load)

    def _slots(self) -> Widget:
        return Vertical(SlotAccuracy(classes="panel"), WrongValues(), id="slot-panes")

    def _errors(self) -> Widget:
        panes = (JudgedList(classes="panel"), SampleDetail(classes="panel"))
        return Container(*panes, id="error-panes")

    def _confidence(self) -> Widget:
        panes = (ConfidenceCurves(classes="panel"), ConfidentWrong())
        return Vertical(*panes, id="confidence-panes")

    # Updates ----------------------------------------------------------------------------------

    def show_summary(self) -> None:
        """Show the summary of the file."""
        summary, other = self.session.summary, self.session.other_summary
        if summary is None:
            return
        for facts in self.query(CheckpointFacts):
            facts.show(summary, other)
        for view in self.query(ConfigView):
            if summary.config:
                compared = other.config if other else None
                view.show(summary.config, summary.defaults, compared)
        for labels in self.query(LabelsView):
            labels.show(summary.labels)

    def show_parameters(self) -> None:
        """Show the tensors."""
        for tree in self.query(ParametersTree):
            if self.parameters is not None:
                tree.show(self.parameters)

    def show_vocabulary(self) -> None:
        """Show the tokenizer's pieces."""
        for view in self.query(VocabularyView):
            if self.vocabulary is not None:
                view.show(self.vocabulary)

    def show_evaluation(self) -> None:
        """Show the metrics and the samples judged so far, or the status of the evaluation."""
        now, other = self.session.judgement, self.session.other_judgement
        for samples in self.query(JudgedList):
            samples.show(now.samples, self.status)
        for wrong in self.query(ConfidentWrong):
            wrong.show_wrong(now.samples)
        for pane in self.query("*"):
            if isinstance(pane, AwaitsEvaluation):
                pane.wait(self.status or AwaitsEvaluation.EMPTY)
        if now.result is None or now.metrics is None:
            return
        evaluation, compared = now.metrics, other.metrics
        for panes in self.query("#evaluation-panes"):
            panes.set_class(len(evaluation.by_step) == 1, "-single-step")
        for headlines in self.query(HeadlineFigures):
            headlines.show(evaluation, compared)
        for matrix in self.query(DecisionMatrix):
            matrix.show(evaluation.decision, compared.decision if compared else None)
        for tools in self.query(ToolMatrix):
            tools.show(evaluation.tool)
        for slots in self.query(SlotAccuracy):
            slots.show(evaluation.slots, compared.slots if compared else None)
        for steps in self.query(SupervisionSteps):
            by_step = compared.by_step if compared else ()
            steps.show_evaluation(evaluation.by_step, by_step, evaluation.halting)
        for curves in self.query(ConfidenceCurves):
            curves.show(evaluation)
        for curve in self.query(HaltingCurve):
            curve.show(now.result.halting_curve, now.result.cheapest_halting)
