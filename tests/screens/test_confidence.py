"""The panes of confidence: both diagrams, the figures in words, confident and wrong samples."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

from tests.screens.panes import PaneApp, assert_golden, evaluation
from tests.screens.whole_screen import shown
from trm_engine.runs.schema.evaluation import Evaluation, JudgedSample
from trm_engine.training.reliability import coverage, reliability
from trm_tui.widgets.chart.confidence import ConfidenceCurves, coverage_plot, summary_of
from trm_tui.widgets.checkpoint.confident_wrong import ConfidentWrong


def measured(target: float = 0.95) -> Evaluation:
    """An evaluation of 400 samples whose decisions are less sure than they say."""
    sure = np.linspace(0.5, 1, 400)
    right = np.arange(400) % 10 < sure**2 * 10
    return replace(
        evaluation(1).metrics,
        decision_confidence=reliability(sure**2 / 2 + 0.5, right, sure),
        answer_confidence=reliability(sure, right),
        coverage=coverage(sure, right, target),
    )


@pytest.mark.parametrize("size", [(40, 24), (80, 14), (120, 22)])
async def test_as_text(size: tuple[int, int]) -> None:
    pane = ConfidenceCurves()
    async with PaneApp(pane).run_test(size=size) as pilot:
        pane.show(measured())
        await pilot.pause()
        assert_golden(f"confidence_{size[0]}x{size[1]}", shown(pilot.app))


@pytest.mark.parametrize("wrong", [0, 1, 4])
def test_labels_of_the_axes_differ_where_nearly_all_is_right(wrong: int) -> None:
    sure = np.linspace(0.5, 1, 400)
    lines = coverage_plot(coverage(sure, np.arange(400) >= wrong, 0.99), 60, 10).splitlines()
    levels = [line.partition("┤")[0].strip() for line in lines if "┤" in line]
    assert len(levels) > 1
    assert len(levels) == len(set(levels))


@pytest.mark.parametrize("size", [(10, 4), (30, 3), (80, 1)])
async def test_small_panes_keep_the_words(size: tuple[int, int]) -> None:
    pane = ConfidenceCurves()
    async with PaneApp(pane).run_test(size=size) as pilot:
        pane.show(measured())
        await pilot.pause()
        assert "┌─" not in shown(pilot.app).replace("┌─ ", "")


async def test_nothing_to_show() -> None:
    pane = ConfidenceCurves()
    async with PaneApp(pane).run_test(size=(60, 10)) as pilot:
        assert "No evaluation yet" in shown(pilot.app)
        pane.show(evaluation(1).metrics)  # of an older run
        await pilot.pause()
        assert "no figures of confidence" in shown(pilot.app)


def test_words() -> None:
    found = measured()
    first, second = summary_of(found)
    assert f"{found.decision_confidence.raw_ece:.3f} uncalibrated" in first
    assert f"{found.coverage.answered:.3f} of the samples" in second
    assert "accuracy 0.95" in second
    assert summary_of(measured(0.9999))[1]
    nothing = replace(found, coverage=coverage(np.array([0.9]), np.array([False])))
    assert summary_of(nothing)[1] == "No threshold keeps an accuracy of 0.99."


def judged(line: int, confidence: float, *wrong: str) -> JudgedSample:
    return JudgedSample(line=line, text=f"text {line}", confidence=confidence, wrong=list(wrong))


async def test_the_surest_wrong_answers_come_first() -> None:
    pane = ConfidentWrong()
    async with PaneApp(pane).run_test(size=(80, 10)) as pilot:
        pane.show_worst(
            [
                judged(1, 0.2, "decision"),
                judged(2, 0.9, "arguments", "slot value"),
                judged(3, 0.95, "slot presence"),
                judged(4, 1.0),
            ]
        )
        await pilot.pause()
        text = shown(pilot.app)
        assert text.index("text 2") < text.index("text 1")
        assert "text 3" not in text
        assert "text 4" not in text
