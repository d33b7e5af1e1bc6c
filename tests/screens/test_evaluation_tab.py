"""InspectScreen: what its tabs show of evaluations that are told, without a worker."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec import convert

from tests.screens.panes import assert_golden, evaluation_record
from tests.screens.test_checkpoint_facts import summary
from tests.screens.whole_screen import shown, until, utc
from trm_engine.runs.schema.answers import FileEvaluation
from trm_engine.runs.schema.model_file import ModelSummary
from trm_tui.app import TrmApp
from trm_tui.screens.inspect import InspectScreen
from trm_tui.sessions.checkpoint import CheckpointSession
from trm_tui.settings import Settings

__all__ = ["utc"]

COUNTS = {"tp": 410, "fn": 20, "fp": 15, "tn": 248, "precision": 0.9647, "recall": 0.9535}
CURVE = [
    {"threshold": threshold, "mean_steps": 1 + 15 * threshold, "exact_match": 0.8 + threshold / 20}
    for threshold in (0.0, 0.5, 0.9, 0.95, 1.0)
]


def result(number: int, steps: int = 4) -> FileEvaluation:
    """What a worker answers at the end of an evaluation."""
    metrics = evaluation_record(number, steps=steps)["metrics"]
    decision = {**COUNTS, **metrics["decision"]}
    answer = {
        "metrics": {"samples": 693, **metrics, "decision": decision},
        "halting_curve": CURVE,
        "cheapest_halting": CURVE[-1],
        "data": "/data/val.jsonl",
        "seconds": 1.0,
    }
    return convert(answer, FileEvaluation)


class Told(CheckpointSession):
    """Answers at once, from memory."""

    steps = 4

    async def open(self) -> ModelSummary:
        """One summary, or two."""
        self.summary = summary()
        self.other_summary = summary(1) if self.other else None
        return self.summary

    async def evaluate(self) -> AsyncIterator[None]:
        """Everything in one go."""
        self.judgement.result = result(3, self.steps)
        if self.other:
            self.other_judgement.result = result(1)
        yield


@pytest.mark.parametrize("size", [(80, 24), (160, 48)])
@pytest.mark.parametrize("other", [None, Path("step_1.pt")])
@pytest.mark.usefixtures("utc")
async def test_evaluation_tab_as_text(size: tuple[int, int], other: Path | None) -> None:
    told = Told(Path("step_3.pt"), other=other)
    async with TrmApp(lambda _: InspectScreen(told), Settings()).run_test(size=size) as pilot:
        await pilot.pause()
        await pilot.press("5")
        for _ in range(3):
            await pilot.pause()
        name = "inspect_evaluation_other" if other else "inspect_evaluation"
        assert_golden(f"{name}_{size[0]}x{size[1]}", shown(pilot.app))


@pytest.mark.parametrize(("size", "has_room"), [((80, 24), False), ((120, 36), True)])
async def test_a_model_of_one_step_shows_slots_and_confidence_in_the_place_of_halting(
    size: tuple[int, int], has_room: bool
) -> None:
    told = Told(Path("step_3.pt"))
    told.steps = 1
    async with TrmApp(lambda _: InspectScreen(told), Settings()).run_test(size=size) as pilot:
        await pilot.press("5")
        await until(pilot, lambda: "Slot accuracy" in shown(pilot.app))
        assert "Halting" not in shown(pilot.app)
        assert "Supervision steps" not in shown(pilot.app)
        assert ("─ Confidence ─" in shown(pilot.app)) == has_room
