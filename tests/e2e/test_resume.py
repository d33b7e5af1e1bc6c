"""Resumed training is the training that was never interrupted; the same seed, the same run."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.runs import (
    LEARNT,
    SECONDS,
    assert_same,
    finish,
    kill_group,
    last_checkpoint,
    learning_columns,
    tiny_run,
    wait_for,
)
from tests.events import Record, read_events
from tests.support import dialogues, write_jsonl
from trm_engine.data.samples import parse_sample
from trm_engine.files.jsonl import append, to_line
from trm_engine.runs.commands import send_command
from trm_engine.runs.folder import RunFolder
from trm_engine.runs.launch import start_worker

STEPS = 20
SAVED = 7
"""The update after which a run is killed; in the middle of an epoch."""


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("resume")


@pytest.fixture(
    scope="module", params=["averaged", pytest.param("per_step", marks=pytest.mark.slow)]
)
def supervision(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def whole(places: Path, supervision: str) -> tuple[dict[str, Any], list[Record]]:
    """Updates without interruption."""
    run, config = tiny_run(places / f"whole-{supervision}", **settings(supervision))
    events = finish(run, config)
    return last_checkpoint(run), events


def settings(supervision: str) -> dict[str, Any]:
    return {
        "supervision": supervision,
        "gradient_accumulation_steps": 2,
        "word_dropout": 0.1,
        "value_exchange": 0.5,
        "max_steps": STEPS,
        "eval_interval": STEPS // 2,
        "save_interval": SAVED,
        "dtype": "float32" if supervision == "averaged" else "bfloat16",
    }


def test_kill_and_resume_is_bit_for_bit_the_whole(
    places: Path, supervision: str, whole: tuple[dict[str, Any], list[Record]]
) -> None:
    run, config = tiny_run(places / f"killed-{supervision}", **settings(supervision))
    worker = start_worker(run)
    wait_for(run, "checkpoint", worker, step=SAVED, kind="step")
    kill_group(worker)
    assert run.state() == "lost"
    later = run.path / "checkpoints" / "last.pt"
    assert not later.exists(), "the run was over before it could be killed"

    events = finish(run, config, resume=True)

    assert [e["resumed_from"] for e in events if e["type"] == "run_started"] == [None, SAVED]
    saved, expected = last_checkpoint(run), whole[0]
    for key in LEARNT:
        assert_same(saved[key], expected[key], key)
    assert learning_columns(events) == learning_columns(whole[1])
    assert evaluations(events)[-1] == evaluations(whole[1])[-1]


def test_same_seed_is_the_same_run(
    places: Path, supervision: str, whole: tuple[dict[str, Any], list[Record]]
) -> None:
    run, config = tiny_run(places / f"again-{supervision}", **settings(supervision))
    events = finish(run, config)
    assert learning_columns(events) == learning_columns(whole[1])
    assert evaluations(events) == evaluations(whole[1])
    for key in LEARNT:
        assert_same(last_checkpoint(run)[key], whole[0][key], key)


def test_a_run_tells_its_story(whole: tuple[dict[str, Any], list[Record]]) -> None:
    events = whole[1]
    assert [event["seq"] for event in events] == list(range(len(events)))
    columns = learning_columns(events)
    assert columns["step"] == list(range(1, STEPS + 1))
    epochs = columns["epoch"]
    assert all(one < next_one for one, next_one in pairwise(epochs))
    [began] = [event for event in events if event["type"] == "run_started"]
    ended = [step for step, epoch in zip(columns["step"], epochs, strict=True) if epoch % 1 == 0]
    assert ended == began["epoch_ends"]
    assert columns["word_loss"][-1] < columns["word_loss"][0]
    assert [e["step"] for e in events if e["type"] == "eval"] == sorted(
        {e["step"] for e in events if e["type"] == "eval"}
    )


def test_the_samples_judged_on_are_in_a_file(
    places: Path, supervision: str, whole: tuple[dict[str, Any], list[Record]]
) -> None:
    [started] = [event for event in whole[1] if event["type"] == "run_started"]
    judged = started["data"]["val"]
    run = RunFolder(places / f"whole-{supervision}")
    assert judged["path"] == str(run.validation.absolute())
    samples = [parse_sample(line) for line in run.validation.read_bytes().splitlines()]
    assert (len(samples), judged["overlap"]) == (judged["samples"], 0)
    for _, metrics in evaluations(whole[1]):
        for each in metrics["worst"] + metrics["shown"]:
            assert each["line"] == each["index"] + 1
            assert samples[each["index"]].history[-1].text()[-200:] == each["text"]
        for cell in metrics["tool"]["cells"]:
            tools = [samples[line - 1].tool for line in cell["lines"]]
            assert {tool and tool.name for tool in tools} == {
                metrics["tool"]["labels"][cell["true"]]
            }


def test_an_abort_ends_an_evaluation(tmp_path: Path) -> None:
    run, config = tiny_run(tmp_path / "run", eval_interval=1)
    judged = write_jsonl(tmp_path / "judged.jsonl", dialogues(500))
    config.data.val_data = str(judged)
    config.to_yaml(run.config)
    worker = start_worker(run)
    wait_for(run, "eval_progress", worker)
    send_command(run.commands, "abort")
    assert worker.wait(timeout=60) == 0
    assert run.state() == "stopped"
    events = read_events(run.events)
    assert not [event for event in events if event["type"] == "eval"]
    [started] = [event for event in events if event["type"] == "run_started"]
    assert started["data"]["val"]["path"] == str(judged.absolute())
    assert started["data"]["val"]["overlap"] == 48
    assert not run.validation.exists()


def test_stop_saves_and_resume_ends_it(tmp_path: Path) -> None:
    run, _ = tiny_run(tmp_path / "run", max_steps=400, num_epochs=400)
    worker = start_worker(run)
    wait_for(run, "steps", worker)
    send_command(run.commands, "stop")
    assert worker.wait(timeout=60) == 0
    assert run.state() == "stopped"
    stopped_at = last_checkpoint(run)["global_step"]
    assert 0 < stopped_at < 400

    worker = start_worker(run, resume=True)
    wait_for(run, "run_started", worker, resumed_from=stopped_at)
    send_command(run.commands, "abort")
    assert worker.wait(timeout=60) == 0
    assert run.state() == "stopped"
    assert last_checkpoint(run)["global_step"] == stopped_at


def evaluations(events: list[Record]) -> list[Any]:
    return [(event["step"], event["metrics"]) for event in events if event["type"] == "eval"]


def test_pause_evaluate_save_resume(tmp_path: Path) -> None:
    run, _ = tiny_run(tmp_path / "run", max_steps=3000, num_epochs=3000, eval_interval=9999)
    worker = start_worker(run)
    wait_for(run, "steps", worker)
    send_command(run.commands, "pause")
    wait_for(run, "state", worker, state="paused")
    steps = learning_columns(read_events(run.events))["step"][-1]
    send_command(run.commands, "save")
    wait_for(run, "checkpoint", worker, step=steps, kind="step")
    send_command(run.commands, "evaluate")
    wait_for(run, "eval", worker, step=steps)
    assert learning_columns(read_events(run.events))["step"][-1] == steps
    send_command(run.commands, "resume")
    wait_for(run, "steps", worker, seq=wait_for_later_steps(run, worker, steps))
    send_command(run.commands, "stop")
    assert worker.wait(timeout=60) == 0


def wait_for_later_steps(run: Any, worker: Any, steps: int) -> int:
    """The seq of the first steps event after ``steps`` updates."""
    while True:
        assert worker.poll() is None
        for event in read_events(run.events):
            if event["type"] == "steps" and event["columns"]["step"][0] > steps:
                return int(event["seq"])


def test_a_stop_overtakes_what_was_asked_for_before(tmp_path: Path) -> None:
    run, _ = tiny_run(tmp_path / "run", max_steps=4000, num_epochs=400, eval_interval=4000)
    worker = start_worker(run)
    wait_for(run, "state", worker, state="running")
    together = ("pause", *["evaluate"] * 1000, "resume", "pause", "stop")
    lines = [to_line({"command": each, "t": t}) for t, each in enumerate(together)]
    append(run.commands, b"".join(lines))
    assert worker.wait(timeout=SECONDS) == 0
    events = read_events(run.events)
    states = [event["state"] for event in events if event["type"] == "state"]
    assert states == ["starting", "running", "stopping", "stopped"]
    assert not any(event["type"] == "eval" for event in events)


def test_checkpoints_of_another_run_are_not_overwritten(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    first = tiny_run(tmp_path / "one", max_steps=3, checkpoint_dir=str(shared))
    finish(*first)
    kept = {path: path.read_bytes() for path in shared.glob("*.pt")}
    assert kept
    second, _ = tiny_run(tmp_path / "two", max_steps=3, checkpoint_dir=str(shared))
    assert start_worker(second).wait(timeout=60) == 2
    failed = [event for event in read_events(second.events) if event["type"] == "failed"]
    assert "contains the checkpoints of another run" in failed[0]["message"]
    assert kept == {path: path.read_bytes() for path in shared.glob("*.pt")}
