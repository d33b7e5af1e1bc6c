"""The ways through the whole program, in a real terminal: each step begins where the last ended."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.e2e.viewers import open_screen, tiny_config
from tests.faults.command import trm
from trm_engine.data.samples import parse_sample

pytestmark = pytest.mark.slow

SWEEP = {
    "trials": 8,
    "pruner": "none",
    "settings": {"training.learning_rate": {"low": 0.0001, "high": 0.01, "log": True}},
}


def train(config: Path, name: str, cwd: Path, *options: object) -> None:
    """Train on the screen to the end, and leave."""
    with open_screen("train", config, "--output-dir", name, *options, cwd=cwd) as screen:
        screen.wait_for("✓ finished")
        screen.press("q")
        assert screen.wait_exit() == 0


def test_from_the_worst_error_to_a_comparison(tmp_path: Path) -> None:
    """Train, find the worst error, try it, correct it, train again, compare, report."""
    (tmp_path / "given").mkdir()
    config = tiny_config(tmp_path / "given")
    train(config, "first", tmp_path)
    with open_screen("inspect", "first", cwd=tmp_path) as screen:
        screen.press("8")
        screen.wait_for(re.compile(r"wrong: [1-9]"))
        screen.wait_for("Sample · line")
        screen.press("p")
        screen.wait_for("answered in")
        screen.press("escape")  # alone: followed by a letter it would be alt
        screen.wait_for("s Save")
        screen.press("s")
        screen.wait_for("Edit it if it is wrong")
        screen.press("enter")
        screen.wait_for("Added to")
        screen.press("q")
        screen.wait_for(re.compile(r"wrong: [1-9]"))
        screen.press("q")
        assert screen.wait_exit() == 0
    added = (tmp_path / "playground.jsonl").read_bytes()
    assert parse_sample(added.strip())

    more = tmp_path / "more.jsonl"
    more.write_bytes((tmp_path / "given" / "tiny.jsonl").read_bytes() + added)
    train(config, "second", tmp_path, "--train-data", more)
    with open_screen("runs", ".", cwd=tmp_path) as screen:
        screen.wait_for(re.compile(r"second[\s\S]*first|first[\s\S]*second"))
        screen.press("space", "down", "space", "o")
        screen.wait_for("Training loss")
        screen.wait_for(re.compile(r"first[\s\S]*second|second[\s\S]*first"))
        screen.press("q")
        screen.wait_for("Runs in")
        screen.press("q")
        assert screen.wait_exit() == 0
    reported = trm("report", "first", "second", "-o", "report.html", cwd=tmp_path)
    assert reported.status == 0, reported.err
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "first" in page and "second" in page and "<svg" in page


def test_a_sweep_of_eight_that_is_killed_goes_on(tmp_path: Path) -> None:
    config = tiny_config(tmp_path, max_steps=10, eval_interval=5)
    plan = tmp_path / "sweep.yaml"
    plan.write_text(json.dumps(SWEEP), encoding="utf-8")
    command = ("sweep", config, plan, "--out", "found")
    with open_screen(*command, cwd=tmp_path) as screen:
        screen.wait_for(re.compile(r"[2-7] finished"))
        screen.process.kill()
        screen.process.wait()
    with open_screen(*command, cwd=tmp_path) as screen:
        screen.wait_for(re.compile(r"8 of 8 trials.*8 finished"), timeout=600)
        screen.wait_for("Importance")
        screen.press("q")
        assert screen.wait_exit() == 0
    assert len(list((tmp_path / "found").glob("trial-*"))) == 8
