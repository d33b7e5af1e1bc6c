"""Wherever an evaluation is called the best, the figure by which it is stands there too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.screens.fake_run import FakeRun
from tests.screens.panes import PaneApp, evaluation, evaluation_record, event_of, text_of
from tests.screens.whole_screen import shown
from trm_engine.runs.summary import summarise
from trm_tui.settings import Settings
from trm_tui.store.groups import Group
from trm_tui.widgets.run.comparison import RunComparison
from trm_tui.widgets.run.evaluation_history import EvaluationHistory
from trm_tui.widgets.run.evaluation_line import EvaluationLine
from trm_tui.widgets.run.facts import RunFacts
from trm_tui.widgets.run.runs_table import RunsTable
from trm_tui.widgets.run.tabs import TrainTabs

METRICS = ["exact_match_values", "decision_f1", "slots_value_accuracy", "loss"]


def told(number: int, metric: str, best: bool = True) -> Any:
    return event_of({**evaluation_record(number), "best": best, "best_metric": metric})


def figure(metric: str) -> str:
    """That of evaluation 1, as ``panes.evaluation`` makes it."""
    values = {"exact_match_values": 0.55, "decision_f1": 0.73, "slots_value_accuracy": 0.7}
    return f"{metric} {values.get(metric, 0.75):.4f}"


@pytest.mark.parametrize("metric", METRICS)
async def test_the_history_names_it(metric: str) -> None:
    pane = EvaluationHistory()
    async with PaneApp(pane).run_test(size=(60, 8)) as pilot:
        pane.set_evaluations([told(0, metric), told(1, metric), told(2, metric, best=False)])
        await pilot.pause()
        assert f"★ best: {figure(metric)}" in shown(pilot.app)
        pane.set_evaluations([evaluation(0)])
        await pilot.pause()
        assert "★" in shown(pilot.app) and "best:" not in shown(pilot.app)


@pytest.mark.parametrize("metric", METRICS)
async def test_the_evaluation_line_names_it(metric: str) -> None:
    pane = EvaluationLine()
    async with PaneApp(pane).run_test(size=(80, 5)) as pilot:
        pane.remove_class("panel")
        pane.styles.display = "block"  # as in narrow terminals
        await pilot.pause()
        pane.show(told(1, metric), None)
        assert f"step 400 ★ {figure(metric)}" in str(pane.render())
        pane.show(told(1, metric, best=False), None)
        assert "★" not in str(pane.render())
        pane.show(evaluation(1), None)
        assert "step 400 ★  exact" in str(pane.render())


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("width", [80, 120])
async def test_lists_of_runs_name_it(tmp_path: Path, metric: str, width: int) -> None:
    run = run_of(tmp_path / "default-20250131-093000", metric)
    table, attached = RunsTable(), run.attach()
    attached.drain(10.0)
    async with PaneApp(table).run_test(size=(width, 8)) as pilot:
        table.set_runs([summarise(run.folder)])
        await pilot.pause()
        name, value = figure(metric).split()
        assert f" {name} " in text_of(table) and f" {value} " in text_of(table)
    comparison = RunComparison([Group("run", (attached,), {})])
    async with PaneApp(comparison).run_test(size=(width, 8)) as pilot:
        await pilot.pause()
        assert figure(metric) in text_of(comparison)


async def test_the_facts_of_a_run_name_it(tmp_path: Path) -> None:
    attached = run_of(tmp_path / "run", "exact_match").attach()
    attached.drain(10.0)
    tabs = TrainTabs(attached, Settings(tab="run"))
    async with PaneApp(tabs).run_test(size=(120, 40)) as pilot:
        tabs.show({"started", "evaluations"})
        await pilot.pause()
        assert tabs.query(RunFacts)
        assert "exact_match 0.6500 at step 20" in shown(pilot.app)


def run_of(path: Path, metric: str) -> FakeRun:
    """A run whose second evaluation is its best."""
    run = FakeRun(path)
    run.begin()
    run.train(10)
    run.evaluate(best_metric=metric)
    run.train(10)
    run.evaluate(best_metric=metric)
    run.train(10)
    run.evaluate(best_metric=metric, best=False)
    run.end("finished")
    return run
