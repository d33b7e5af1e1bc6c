"""RunFacts: everything a run told about itself, and what it has written."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.screens.panes import PaneApp, assert_golden, event_of
from tests.screens.whole_screen import shown, utc  # noqa: F401
from trm_engine.runs.schema.events import CheckpointSaved, RunStarted
from trm_tui.widgets.run.facts import RunFacts
from trm_tui.widgets.table.scrolling import Scroller

FOLDER = Path("/runs/default-20250615")
DATA = {
    "path": "/data/conversations.jsonl", "samples": 6239, "dialogues": 1081, "tool_calls": 2022,
    "tokens": 1_042_591, "mean_tokens": 167.1, "longest": 512, "truncated_samples": 73,
    "bad_lines": 0,
}  # fmt: skip
RECORD: dict[str, Any] = {
    "seq": 1, "t": 1_750_000_000.0, "type": "run_started",
    "config": {"training": {"keep_checkpoints": 3, "eval_interval": 100}},
    "data": {"train": DATA, "val": {**DATA, "samples": 693, "overlap": 2}},
    "labels": {"tools": ["check_bill", "[b]odd[/b]"], "slots": [{"name": "phone"}]},
    "parameters": {"total": 535_342, "embedding": 201_088, "core": 278_528, "heads": 55_726},
    "device": "cpu (2 threads)", "dtype": "bfloat16", "dtype_reason": "the CPU has AMX",
    "versions": {"python": "3.11.7", "torch": "2.13.0"}, "git_revision": "e18b026",
    "seed": 0, "pid": 10186, "host": "box", "world_size": 2,
    "total_steps": 975, "steps_per_epoch": 195, "epoch_ends": [195, 392, 585, 781, 975],
    "resumed_from": 400,
}  # fmt: skip


STARTED: RunStarted = event_of(RECORD)


def checkpoint(seq: int, step: int, kind: str, name: str, size: int = 8_685_325) -> CheckpointSaved:
    path = str(FOLDER / name)
    return CheckpointSaved(
        seq=seq, t=1.0, step=step, epoch=step / 195, kind=kind, bytes=size, path=path
    )


CHECKPOINTS = [
    checkpoint(40, 195, "best", "checkpoints/best.pt"),
    checkpoint(41, 200, "step", "checkpoints/step_200.pt"),
    checkpoint(50, 390, "best", "checkpoints/best.pt"),
    checkpoint(51, 400, "step", "/elsewhere/step_400.pt", 999),
]


async def text_of(size: tuple[int, int], *what: Any, **more: Any) -> str:
    async with PaneApp(RunFacts()).run_test(size=size) as pilot:
        pilot.app.query_one(RunFacts).show(*what, **more)
        await pilot.pause()
        return shown(pilot.app)


@pytest.mark.usefixtures("utc")
@pytest.mark.parametrize("size", [(60, 54), (130, 30)])
async def test_as_text(size: tuple[int, int]) -> None:
    more = {"state": "running", "checkpoints": CHECKPOINTS, "extra": {"memory": "1.2 GB"}}
    assert_golden(f"run_facts_{size[0]}x{size[1]}", await text_of(size, STARTED, FOLDER, **more))


async def test_before_the_run_has_told_anything() -> None:
    text = await text_of((60, 10), None, FOLDER, "starting")
    assert str(FOLDER) in text and "starting" in text and "Model" not in text


async def test_what_an_event_lacks_is_left_out() -> None:
    older = event_of({**RECORD, "seed": None, "host": "", "pid": None, "labels": {}})
    text = await text_of((60, 40), older, FOLDER)
    assert re.search(r"seed +–", text) and re.search(r"host +–, process –", text)
    assert "tools" not in text


async def test_only_the_newest_of_many_checkpoints() -> None:
    events = [checkpoint(n, n, "step", f"checkpoints/step_{n}.pt") for n in range(1, 71)]
    text = await text_of((60, 90), None, FOLDER, "running", events)
    assert "step_70.pt" in text and "step_21.pt" in text
    assert "step_20.pt" not in text and "and 20 before" in text


async def test_a_new_checkpoint_leaves_the_scrolling() -> None:
    async with PaneApp(RunFacts()).run_test(size=(60, 12)) as pilot:
        pane = pilot.app.query_one(RunFacts)
        pane.show(STARTED, FOLDER, "running", CHECKPOINTS[:2])
        pane.query_one(Scroller).focus()
        await pilot.pause()
        await pilot.press("pagedown", "j")
        before = shown(pilot.app)
        assert "folder" not in before
        pane.show(STARTED, FOLDER, "running", CHECKPOINTS)
        await pilot.pause()
        assert shown(pilot.app).splitlines()[1] == before.splitlines()[1]


async def test_problems_of_the_training_data_most_costly_first() -> None:
    found = {"nowhere": 540, "two-labels": 2, "later[kind]": 1}
    data = {**RECORD["data"], "train": {**DATA, "problems": found}}
    text = await text_of((80, 60), event_of({**RECORD, "data": data}), FOLDER)
    listed = re.findall(r"^.*?(\d+)  (Same conversation.*?|Values that.*?|later.*?)  ", text, re.M)
    assert [count for count, _ in listed] == ["2", "540", "1"]
    assert "trm-tui data view /data/conversations.jsonl" in text
    assert "samples with problems" not in await text_of((80, 60), STARTED, FOLDER)
