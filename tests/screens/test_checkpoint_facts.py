"""CheckpointFacts: what a file is, its figures, and what is different in another."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import convert
from msgspec.structs import replace

from tests.screens.panes import PaneApp, assert_golden, evaluation_record
from tests.screens.whole_screen import shown, utc
from trm_engine.runs.schema.model_file import ModelSummary
from trm_tui.widgets.checkpoint.facts import CheckpointFacts, notes, short_names

__all__ = ["utc"]


def summary(number: int = 3, **more: Any) -> ModelSummary:
    """What the engine says of the checkpoint of an evaluation."""
    known = {
        "path": f"/home/[red]someone[/]/outputs/telecom/checkpoints/step_{number}.pt",
        "kind": "checkpoint",
        "format_version": 1,
        "step": 200 * number,
        "epoch": 2.5,
        "saved": 1_700_000_000.0 + number,
        "bytes": 8_684_813,
        "parameters": 535_342,
        "has_ema": True,
        "metrics": {"samples": 693, **evaluation_record(number)["metrics"]},
        "best": {"metric": "decision_f1", "value": 0.9123, "loss": 0.25},
        "labels": {
            "tools": ["a", "b"],
            "args": [{"kind": "span"}, {"kind": "choice"}],
            "slots": [{"kind": "span"}],
        },
        "tokenizer": {"pieces": 1550, "kind": "unigram", "folds_case": True, "fingerprint": "5afb"},
        "completed_by": {},
        "defaults": {},
        "run": "/home/[red]someone[/]/outputs/telecom",
        "data": None,
        **more,
    }
    return convert(known, ModelSummary)


NOTHING_KNOWN = ModelSummary(
    path="a.pt", kind="weights", saved=0.0, bytes=0, parameters=0, has_ema=False, defaults={}
)


WEIGHTS = summary(
    path="/home/[red]someone[/]/outputs/telecom/model_ema.pt",
    kind="weights",
    format_version=None,
    step=None,
    epoch=None,
    has_ema=False,
    metrics=None,
    completed_by={"config": "/run/last.pt", "labels": "/run/last.pt", "tokenizer": "/run/t.model"},
)


@pytest.mark.parametrize("size", [(80, 34), (160, 30)])
@pytest.mark.usefixtures("utc")
async def test_as_text(size: tuple[int, int]) -> None:
    async with PaneApp(CheckpointFacts()).run_test(size=size) as pilot:
        pilot.app.query_one(CheckpointFacts).show(summary())
        await pilot.pause()
        assert_golden(f"checkpoint_facts_{size[0]}x{size[1]}", shown(pilot.app))


@pytest.mark.parametrize("size", [(80, 48), (160, 44)])
@pytest.mark.usefixtures("utc")
async def test_beside_another_as_text(size: tuple[int, int]) -> None:
    async with PaneApp(CheckpointFacts()).run_test(size=size) as pilot:
        pilot.app.query_one(CheckpointFacts).show(summary(), summary(1, parameters=7))
        await pilot.pause()
        assert_golden(f"checkpoint_facts_other_{size[0]}x{size[1]}", shown(pilot.app))


async def test_only_what_differs_is_marked_and_less_loss_is_better() -> None:
    async with PaneApp(CheckpointFacts()).run_test(size=(80, 50)) as pilot:
        pilot.app.query_one(CheckpointFacts).show(summary(), summary(1))
        await pilot.pause()
        lines = shown(pilot.app).splitlines()
        marked = [line.split()[1] for line in lines if "≠" in line]
        assert marked == ["path", "step", "saved"]
        [loss] = [line for line in lines if "Loss" in line]
        assert "▼ -0.3750" in loss  # 1.5 / 4 - 1.5 / 2
        [exact] = [line for line in lines if "Exact Match " in line and "Values" not in line]
        assert "▲ +0.1250" in exact


async def test_weights_alone_say_what_completed_them() -> None:
    async with PaneApp(CheckpointFacts()).run_test(size=(80, 40)) as pilot:
        pilot.app.query_one(CheckpointFacts).show(WEIGHTS)
        await pilot.pause()
        text = shown(pilot.app)
        assert "model_ema.pt has weights only; config and labels from /run/last.pt." in text
        assert "weights only" in text and "none" in text
    assert [*notes(replace(WEIGHTS, completed_by={}))] == [
        "model_ema.pt has weights only, and is not in a run folder."
    ]


async def test_before_there_is_one_and_what_is_not_known() -> None:
    async with PaneApp(CheckpointFacts()).run_test(size=(60, 20)) as pilot:
        pane = pilot.app.query_one(CheckpointFacts)
        assert "opening…" in shown(pilot.app)
        pane.show(NOTHING_KNOWN)
        await pilot.pause()
        assert "File" in shown(pilot.app)
        pane.show(NOTHING_KNOWN, summary())
        await pilot.resize_terminal(10, 4)
        pane.show(None)
        await pilot.resize_terminal(60, 20)
        assert "opening…" in shown(pilot.app)


def test_names_are_as_short_as_they_can_be() -> None:
    def short(*paths: str) -> list[str]:
        return short_names([replace(NOTHING_KNOWN, path=path) for path in paths])

    assert short("/r/a/best.pt", "/r/b/best.pt") == ["a/best.pt", "b/best.pt"]
    assert short("/r/a/best.pt", "/r/a/last.pt") == ["best.pt", "last.pt"]
    assert short("/r/a.pt", "/r/a.pt") == ["/r/a.pt", "/r/a.pt"]
    assert short("/r/a.pt", "b.pt") == ["/r/a.pt", "b.pt"]
