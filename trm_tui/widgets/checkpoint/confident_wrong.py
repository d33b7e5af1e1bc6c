"""ConfidentWrong: the wrong answers that the model is most sure of."""

from __future__ import annotations

from collections.abc import Iterable

from trm_engine.runs.schema.evaluation import JudgedSample
from trm_tui.store.judged import ANSWER, CONFIDENT, JudgedSamples
from trm_tui.widgets.awaits_evaluation import AwaitsEvaluation
from trm_tui.widgets.checkpoint.judged_samples import JudgedRows


class ConfidentWrong(JudgedRows, AwaitsEvaluation):
    """Samples whose decision, tool or arguments are wrong, the most confident first."""

    ALLOW_MAXIMIZE = True
    BORDER_TITLE = "Confident and wrong"
    DEFAULT_CLASSES = "panel"
    DEFAULT_CSS = "ConfidentWrong { height: 1fr; }"
    KIND = ANSWER

    def show_wrong(self, samples: JudgedSamples) -> None:
        """Show those of some judged samples."""
        self.show(samples, samples.view(self.KIND, CONFIDENT), empty=AwaitsEvaluation.EMPTY)

    def show_worst(self, worst: Iterable[JudgedSample]) -> None:
        """Show those of an evaluation's worst samples."""
        samples = JudgedSamples()
        samples.add(worst)
        self.show_wrong(samples)


class WrongValues(ConfidentWrong):
    """Samples with a wrong value of a slot, the most confident first."""

    BORDER_TITLE = "Slot values wrong"
    DEFAULT_CSS = "WrongValues { height: 1fr; }"
    KIND = "slot value"
