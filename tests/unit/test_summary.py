"""A run's summary says of its events what reading all of them would."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.events import Record, last_kept, read_events, run_started, step_columns
from trm_engine.files.jsonl import to_line
from trm_engine.runs import summary as summary_module
from trm_engine.runs.about import change_about
from trm_engine.runs.folder import LOST, RunFolder, claim
from trm_engine.runs.summary import RunSummary, Summaries, summarise

STATES = ("starting", "running", "paused", "stopping", "finished", "stopped", "failed")


def steps(first: int, last: int) -> Record:
    wanted = list(range(first, last + 1))
    columns = {
        "step": wanted,
        "epoch": [each / 10 for each in wanted],
        "samples_per_s": [float(each) for each in wanted],
        "loss": ["NaN"] * len(wanted),
    }
    return {"type": "steps", "columns": columns, "by_step": [[1.0]] * len(wanted)}


def evaluation(step: int, score: float | None, best: bool = False) -> Record:
    metrics: dict[str, Any] = {
        "exact_match_values": score,
        "exact_match": score,
        "loss": 1.5,
        "decision": {"accuracy": score, "f1": score},
        "tool": {"accuracy": score},
        "slots": {"accuracy": score, "value_accuracy": score},
        "arguments": {"accuracy": score},
        "worst": [],
    }
    told = {"step": step, "epoch": step / 10, "seconds": 1.0, "best": best, "metrics": metrics}
    return {"type": "eval", **told}


def state(name: str) -> Record:
    return {"type": "state", "state": name}


def run_of(path: Path, *story: Record) -> RunFolder:
    """A run with these events, one a second from 1000 on."""
    stamped = ({"v": 1, "seq": i, "t": 1000.0 + i, **event} for i, event in enumerate(story))
    (path / "events.jsonl").write_bytes(b"".join(map(to_line, stamped)))
    return RunFolder(path)


# --- Any story


@st.composite
def stories(draw: st.DrawFn) -> list[Record]:
    """Starts, each of which goes on from some earlier update, and what they did."""
    story: list[Record] = []
    done, best = 0, -1.0
    for begin in range(draw(st.integers(1, 3))):
        resumed_from = draw(st.integers(0, done)) or None if begin else None
        done = resumed_from or 0
        story += [state("starting"), run_started(resumed_from, f"cpu {begin}"), state("running")]
        for _ in range(draw(st.integers(0, 6))):
            kind = draw(st.sampled_from(["steps", "steps", "eval", "state", "log"]))
            if kind == "steps":
                size = draw(st.integers(1, 4))
                story.append(steps(done + 1, done + size))
                done += size
            elif kind == "eval" and done:  # a worker evaluates after an update
                score = draw(st.floats(0, 1))
                story.append(evaluation(done, score, score > best))
                best = max(best, score)
            elif kind == "state":
                story.append(state(draw(st.sampled_from(STATES))))
            else:
                story.append({"type": "log", "level": "info", "message": draw(st.text(max_size=5))})
    return story


def counted_evaluations(events: list[Record]) -> list[Record]:
    """Those that no later start voided."""
    counted: list[Record] = []
    for event in events:
        if event["type"] == "run_started":
            counted = [each for each in counted if each["step"] <= last_kept(event)]
        if event["type"] == "eval":
            counted.append(event)
    return counted


@given(stories())
def test_a_summary_is_what_all_events_say(
    tmp_path_factory: pytest.TempPathFactory, story: list[Record]
) -> None:
    run = run_of(tmp_path_factory.mktemp("run"), *story)
    events = read_events(run.events)
    found = summarise(run)
    columns: dict[str, list[Any]] = step_columns(events)
    if columns.get("step"):
        assert (found.step, found.epoch) == (columns["step"][-1], columns["epoch"][-1])
        assert found.samples_per_s == columns["samples_per_s"][-1]
    starts = [event for event in events if event["type"] == "run_started"]
    assert (found.device, found.total_steps) == (starts[-1]["device"], 900)
    assert (found.started, found.updated) == (1000.0, events[-1]["t"])
    counted = counted_evaluations(events)
    last, best = found.last, found.best
    assert (last and last.step) == (counted[-1]["step"] if counted else None)
    marked = [event for event in counted if event["best"]]
    if marked:
        assert best
        assert best.step == marked[-1]["step"]
        score = marked[-1]["metrics"]["exact_match_values"]
        assert (best.metric, best.value) == ("exact_match_values", score)
    assert found.state == run.state()


# --- States, broken files, long files


def test_a_run_without_events_has_no_state(tmp_path: Path) -> None:
    nothing = RunSummary(tmp_path / "none", "none")
    assert summarise(RunFolder(tmp_path / "none")) == nothing
    assert nothing.state is None
    (tmp_path / "events.jsonl").write_bytes(b'\xff\n[1]\n{"type": 3}\n{"seq": 1}\n\n{"type":"st')
    assert summarise(RunFolder(tmp_path)) == RunSummary(tmp_path, tmp_path.name)
    (tmp_path / "events.jsonl").unlink()
    (tmp_path / "events.jsonl").mkdir()
    assert summarise(RunFolder(tmp_path)).state is None


def test_a_run_is_lost_without_its_worker(tmp_path: Path) -> None:
    run = run_of(tmp_path, run_started(), state("running"), steps(1, 3))
    with claim(run):
        assert summarise(run).state == "running"
    assert summarise(run).state == LOST
    assert summarise(run_of(tmp_path, run_started(), state("finished"))).state == "finished"


def test_a_summary_names_the_figure_that_is_the_best(tmp_path: Path) -> None:
    told = evaluation(5, 0.25, best=True)
    told["metrics"]["decision"] = {"f1": 0.75, "accuracy": 0.5}
    found = summarise(run_of(tmp_path, run_started(), {**told, "best_metric": "decision_f1"})).best
    assert found
    assert (found.metric, found.value, str(found.score)) == (
        ("decision_f1", 0.75, "decision_f1 0.7500")
    )


@pytest.mark.parametrize("metric", ["exact_match_values", "tool_accuracy", "loss"])
def test_a_figure_that_divides_by_nothing_is_unknown(tmp_path: Path, metric: str) -> None:
    told = {**evaluation(5, None), "best_metric": metric}
    found = summarise(run_of(tmp_path, run_started(), told)).last
    assert found
    assert (found.value, found.loss) == (1.5 if metric == "loss" else None, 1.5)


def test_an_evaluation_that_is_not_a_number_is_never_the_best(tmp_path: Path) -> None:
    told = evaluation(5, 0.5)
    told["metrics"]["loss"] = "NaN"
    found = summarise(run_of(tmp_path, run_started(), told))
    assert found.last and found.best is None


def test_a_long_run_is_read_at_its_ends_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = [steps(each * 10 + 1, each * 10 + 10) for each in range(1000)]
    later = [evaluation(5000, 0.2), evaluation(7000, 0.7), evaluation(10_000, 0.6)]
    story = [run_started(), state("running"), evaluation(1, 0.9, best=True), *long, *later]
    run = run_of(tmp_path, *story)
    found = summarise(run)
    assert (found.step, found.best and found.best.step) == (10_000, 1)
    lowest = [{**each, "best_metric": "loss"} for each in later]
    for event, loss in zip(lowest, (0.5, 0.7, 0.6), strict=True):
        event["metrics"] = {**event["metrics"], "loss": loss}
    monkeypatch.setattr(summary_module, "TAIL", 20_000)
    found = summarise(run)
    assert (found.step, found.device, found.total_steps) == (10_000, "cpu", 900)
    assert found.best
    assert found.last
    assert (found.best.step, found.last.step) == (7000, 10_000)
    by_loss = summarise(run_of(tmp_path, *story[:-3], *lowest)).best
    assert by_loss and (by_loss.step, by_loss.value) == (5000, 0.5)
    assert (found.state, found.started) == (LOST, 1000.0)


def test_many_runs_are_summarised_at_once(tmp_path: Path) -> None:
    body = [steps(each * 10 + 1, each * 10 + 10) for each in range(200)]
    run = run_of(tmp_path, run_started(), evaluation(1, 0.5, best=True), *body, state("finished"))
    began = time.process_time()
    for _ in range(50):
        summarise(run)
    assert time.process_time() - began < 1


def test_a_run_that_has_ended_is_read_again_only_if_it_changed(tmp_path: Path) -> None:
    story = [run_started(10), steps(1, 10), evaluation(10, 0.5, best=True), state("finished")]
    folder, summaries = run_of(tmp_path, *story), Summaries()
    first = summaries.of(folder)
    assert first == summarise(folder)
    assert summaries.of(folder) is first
    change_about(folder, note="good")
    assert summaries.of(folder) == summarise(folder)
    assert summaries.of(folder).about.note == "good"
    run_of(tmp_path, *story, run_started(20), state("running"))
    assert summaries.of(folder).state == LOST  # a run that may still change is always read
    assert summaries.of(folder) is not summaries.of(folder)
