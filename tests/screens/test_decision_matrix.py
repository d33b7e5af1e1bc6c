"""DecisionMatrix: four counts, four ratios, what changed."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

from tests.screens.panes import PaneApp, assert_golden, text_of
from trm_engine.runs.schema.evaluation import BinaryFigures
from trm_engine.training.metrics import binary_metrics
from trm_tui.widgets.matrix.decision import DecisionMatrix


def decision(tp: int, fn: int, fp: int, tn: int) -> BinaryFigures:
    """The metrics of these counts, as an evaluation has them."""
    truth = np.repeat([True, True, False, False], [tp, fn, fp, tn])
    predicted = np.repeat([True, False, True, False], [tp, fn, fp, tn])
    return binary_metrics(truth, predicted)


NOW, BEFORE = decision(205, 16, 13, 459), decision(199, 22, 11, 461)


@pytest.mark.parametrize("size", [(38, 9), (60, 12), (120, 9)])
async def test_as_text(size: tuple[int, int]) -> None:
    pane = DecisionMatrix()
    async with PaneApp(pane).run_test(size=size) as pilot:
        pane.styles.height = "100%"
        pane.show(NOW, BEFORE)
        await pilot.pause()
        assert_golden(f"decision_matrix_{size[0]}x{size[1]}", text_of(pane))


async def test_it_is_as_high_as_it_needs_to_be() -> None:
    pane = DecisionMatrix()
    async with PaneApp(pane).run_test(size=(38, 30)) as pilot:
        pane.show(NOW)
        await pilot.pause()
        assert pane.outer_size.height == 9
        assert "accuracy" in text_of(pane).splitlines()[-1]


async def test_only_what_changed_has_a_change() -> None:
    pane = DecisionMatrix()
    async with PaneApp(pane).run_test(size=(38, 9)) as pilot:
        pane.show(NOW)
        await pilot.pause()
        assert not set("▲▼=") & set(text_of(pane))
        pane.show(NOW, replace(BEFORE, recall=NOW.recall, f1=None))
        await pilot.pause()
        precision, recall, f1, accuracy = text_of(pane).splitlines()[-4:]
        assert precision.endswith("▼ -0.007")
        assert recall.endswith("=")
        assert f1.endswith("●")
        assert accuracy.endswith("▲ +0.006")


async def test_empty_counts_and_no_evaluation() -> None:
    pane = DecisionMatrix()
    async with PaneApp(pane).run_test(size=(38, 9)) as pilot:
        assert "No evaluation yet" in text_of(pane)
        pane.show(decision(0, 0, 0, 0), decision(1, 1, 1, 1))
        await pilot.pause()
        assert text_of(pane).count("–") == 4
        pane.show(None)
        await pilot.pause()
        assert "No evaluation yet" in text_of(pane)


async def test_large_counts_are_shortened() -> None:
    pane = DecisionMatrix()
    async with PaneApp(pane).run_test(size=(38, 9)) as pilot:
        pane.show(replace(NOW, tp=99_999, tn=12_345_678))
        await pilot.pause()
        assert "99,999 TP" in text_of(pane)
        assert "12M TN" in text_of(pane)


@pytest.mark.parametrize("theme", ["trm-dark", "trm-light", "ansi-dark"])
async def test_right_and_wrong_look_different(theme: str) -> None:
    pane = DecisionMatrix()
    app = PaneApp(pane)
    async with app.run_test(size=(38, 9)) as pilot:
        app.theme = theme
        pane.show(NOW)
        await pilot.pause()
        looks = {
            name: next(part.style for part in pane.render_line(line) if name in part.text)
            for line, name in ((1, "TP"), (1, "FN"), (2, "FP"), (2, "TN"))
        }
        assert looks["TP"] != looks["FN"]
        assert looks["TN"] != looks["FP"]
