"""The inspect screen over answers that the test makes up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import convert
from msgspec.structs import replace

from tests.screens.test_checkpoint_facts import summary
from tests.screens.test_judged_samples import RECORDS
from tests.screens.whole_screen import shown, until
from trm_engine.errors import DataError
from trm_engine.runs.folder import RunFolder
from trm_engine.runs.schema.evaluation import JudgedSample
from trm_engine.runs.schema.model_file import ModelSummary
from trm_tui.app import TrmApp
from trm_tui.screens.inspect import InspectScreen
from trm_tui.sessions.checkpoint import CheckpointSession
from trm_tui.settings import Settings


class FakeSession(CheckpointSession):
    """Answers at once, evaluates when it may, and fails as often as it is told."""

    def __init__(self, path: Path, failures: int = 0) -> None:
        super().__init__(path)
        self.failures = failures
        self.may_open, self.may_judge = asyncio.Event(), asyncio.Event()

    async def open(self) -> ModelSummary:
        """A summary, once it may be known."""
        await self.may_open.wait()
        self.summary = replace(summary(), labels={})
        return self.summary

    async def evaluate(self) -> AsyncIterator[None]:
        """Samples, once they may be judged."""
        await self.may_judge.wait()
        self.failures -= 1
        if self.failures >= 0:
            raise DataError("data.jsonl, line 1: it is [bad]")
        self.judgement.samples.add(convert(RECORDS, list[JudgedSample]))
        yield

    async def predict(self, sample: dict[str, Any]) -> dict[str, Any]:
        """Never asked: there is no file of samples."""
        raise NotImplementedError

    async def close(self) -> None:
        """Nothing to end."""


def app_of(session: CheckpointSession) -> TrmApp:
    return TrmApp(lambda _: InspectScreen(session), Settings())


async def test_all_tabs_fit_80_columns_and_it_says_that_it_opens() -> None:
    session = FakeSession(Path("model.pt"))
    async with app_of(session).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "8 Errors" in shown(pilot.app))
        assert "1 Summary" in shown(pilot.app) and "opening…" in shown(pilot.app)
        session.may_open.set()
        await until(pilot, lambda: "opening…" not in shown(pilot.app))


async def test_how_an_evaluation_stands_and_that_it_can_be_tried_again() -> None:
    session = FakeSession(Path("model.pt"), failures=1)
    session.may_open.set()
    async with app_of(session).run_test(size=(160, 48)) as pilot:
        await pilot.press("8")
        await until(pilot, lambda: shown(pilot.app).count("evaluating…") == 2)
        session.may_judge.set()
        await until(pilot, lambda: "Open the tab again to retry" in shown(pilot.app))
        assert "line 1: it is [bad]" in shown(pilot.app)
        await pilot.press("8")
        await until(pilot, lambda: "wrong: 4 of 6" in shown(pilot.app))
        assert "[bad]" not in shown(pilot.app)


async def test_back_from_a_sample_the_keys_go_to_the_list() -> None:
    session = FakeSession(Path("model.pt"))
    session.may_open.set()
    session.may_judge.set()
    async with app_of(session).run_test(size=(120, 36)) as pilot:
        await pilot.press("8")
        await until(pilot, lambda: "wrong: 4 of 6" in shown(pilot.app))
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.screen.maximized)
        assert "Kind" not in shown(pilot.app)
        await pilot.press("escape", "t")
        await until(pilot, lambda: "answer wrong: 3 of 6" in shown(pilot.app))
        assert "Kind" in shown(pilot.app)


async def test_samples_are_exported_in_words_of_their_own() -> None:
    session = FakeSession(Path("model.pt"))
    session.may_open.set()
    session.may_judge.set()
    async with app_of(session).run_test(size=(120, 36)) as pilot:
        await pilot.press("8")
        await until(pilot, lambda: "wrong: 4 of 6" in shown(pilot.app))
        await pilot.press("w")
        await until(pilot, lambda: "Exports all samples" in shown(pilot.app))
        assert "All values" not in shown(pilot.app)


@pytest.mark.parametrize("size", [(160, 48), (120, 36)])
async def test_errors_show_confidence_and_loss(size: tuple[int, int]) -> None:
    session = FakeSession(Path("model.pt"))
    session.may_open.set()
    session.may_judge.set()
    async with app_of(session).run_test(size=size) as pilot:
        await pilot.press("8")
        await until(pilot, lambda: "wrong: 4 of 6" in shown(pilot.app))
        assert "conf." in shown(pilot.app) and "loss" in shown(pilot.app)


async def test_run_and_file_are_named(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run1")
    run.create()
    run.config.write_text("")
    assert CheckpointSession(run.path / "checkpoints" / "best.pt").name == "run1/best.pt"
    assert CheckpointSession(run.path / "model_ema.pt").name == "run1/model_ema.pt"
    assert CheckpointSession(tmp_path / "bare.pt").name == "bare.pt"
