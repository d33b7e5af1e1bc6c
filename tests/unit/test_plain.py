"""The plain viewer, before scripted workers: what it prints, how it stops, how it ends."""

from __future__ import annotations

import io
import json
import math
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import convert
from msgspec.structs import replace
from rich.console import Console

from tests.screens.panes import evaluation_record
from tests.support import ROOT, wait_until
from trm_engine.config import Config
from trm_engine.errors import RunError
from trm_engine.files.jsonl import to_line
from trm_engine.runs.folder import RunFolder
from trm_engine.runs.schema.evaluation import Evaluation, Slots
from trm_engine.runs.schema.events import Evaluated, decode_event
from trm_tui.plain.curve import loss_curve
from trm_tui.plain.tables import EvaluationTables, final_table, slot_table
from trm_tui.plain.viewer import PlainViewer
from trm_tui.store.run import RunStore

RECORD: dict[str, Any] = {
    "samples": 400,
    "loss": 0.41,
    "decision": {
        "accuracy": 0.9325, "precision": 0.9531, "recall": 0.9423, "f1": 0.9477,
        "tp": 1245, "fn": 15, "fp": 12, "tn": 128,
    },
    "tool": {"accuracy": 0.898, "samples": 245, "unknown": 2, "labels": [], "confusion": []},
    "slots": {
        "accuracy": 0.8756,
        "value_accuracy": 0.8123,
        "values": 812,
        "per_slot": {
            "address": {"accuracy": 0.92},
            "phone": {"accuracy": 0.7},
            "contract_id": {"accuracy": 0.6999},
            "[b]name": {"accuracy": None},
        },
    },
    "arguments": {"accuracy": None, "calls": 0},
    "exact_match": 0.7712,
    "exact_match_values": 0.7012,
    "by_step": [],
}  # fmt: skip
EVALUATION = convert(RECORD, Evaluation)

STACKED = """\
             Decision Confusion Matrix
┏━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━┳━━━━━━━━━━━━━━━┓
┃ Actual \\ Predicted ┃  tool_call ┃ direct_answer ┃
┡━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━╇━━━━━━━━━━━━━━━┩
│ tool_call          │ 1,245 (TP) │       15 (FN) │
│ direct_answer      │    12 (FP) │      128 (TN) │
└────────────────────┴────────────┴───────────────┘

         Epoch 5 Evaluation Results
                 step 1,200
┏━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━┓
┃ Metric                  ┃          Value ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━┩
│ Decision Accuracy       │         0.9325 │
│ Decision Precision      │         0.9531 │
│ Decision Recall         │         0.9423 │
│ Decision F1             │         0.9477 │
│                         │                │
│ Tool Accuracy           │  0.8980 of 245 │
│ Argument Accuracy       │              – │
│                         │                │
│ Slot Accuracy (Overall) │         0.8756 │
│ All Slots Right         │              – │
│ Slot Value Accuracy     │         0.8123 │
│                         │                │
│ Exact Match             │         0.7712 │
│ Exact Match + Values    │         0.7012 │
│ Loss                    │         0.4100 │
└─────────────────────────┴────────────────┘

      Per-Slot Accuracy
┏━━━━━━━━━━━━━━━━━┳━━━━━━━━━━┓
┃ Slot Field      ┃ Accuracy ┃
┡━━━━━━━━━━━━━━━━━╇━━━━━━━━━━┩
│ address         │   0.9200 │
│ phone           │   0.7000 │
│ contract_id     │   0.6999 │
│ [b]name         │        – │
└─────────────────┴──────────┘
2 calls of tools that are defined nowhere; counted as errors.
"""

STARTED: dict[str, Any] = {
    "type": "run_started",
    "t": 1000.0,
    "config": {"training": {"eval_interval": 40}},
    "data": {"train": {"samples": 280, "path": "a"}, "val": {"samples": 31, "path": "b"}},
    "parameters": {"total": 612638},
    "device": "cpu",
    "dtype": "float32",
    "total_steps": 100,
    "steps_per_epoch": 50,
    "resumed_from": None,
}

# A worker that appends the events given to it, then waits for "stop" and answers, if told so.
WORKER = """
import json, sys, time
from pathlib import Path
folder, events, obeys = Path(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3] == "obeys"
file = open(folder / "events.jsonl", "a")
def tell(event):
    file.write(json.dumps({"v": 1, "seq": 0, "t": 1010.0, **event}) + "\\n")
    file.flush()
for event in events:
    tell(event)
commands = folder / "commands.jsonl"
while obeys:
    if commands.exists() and '"stop"' in commands.read_text():
        tell({"type": "state", "state": "stopping"})
        (folder / "checkpoints").mkdir()
        (folder / "checkpoints" / "last.pt").touch()
        tell({"type": "state", "state": "stopped"})
        break
    time.sleep(0.02)
while sys.argv[3] == "hangs":
    time.sleep(1)
sys.exit(int(sys.argv[4]))
"""


def steps(*losses: Any, first: int = 1) -> dict[str, Any]:
    """A ``steps`` event."""
    numbers = list(range(first, first + len(losses)))
    columns = {
        "step": numbers,
        "epoch": [number / 50 for number in numbers],
        "total_loss": list(losses),
        "samples_per_s": [812.0] * len(numbers),
    }
    return {"type": "steps", "columns": columns, "by_step": [[loss] for loss in losses]}


def evaluation(step: int, best: bool = False, **changes: Any) -> dict[str, Any]:
    """An ``eval`` event."""
    metrics = {**RECORD, **changes}
    told = {"step": step, "epoch": step / 50, "seconds": 1.0, "best": best, "metrics": metrics}
    return {"type": "eval", **told}


def state(name: str) -> dict[str, Any]:
    return {"type": "state", "state": name}


class Watched:
    """A run in a folder, its viewer, and what the viewer printed."""

    def __init__(self, path: Path, **console: Any) -> None:
        self.folder = RunFolder(path)
        self.folder.create()
        self.out = io.StringIO()
        options = {"width": 100, "no_color": True, "highlight": False, **console}
        self.viewer = PlainViewer(self.folder, Config(), Console(file=self.out, **options))

    def follow(self, *events: dict[str, Any], then: str = "ends", status: int = 0) -> int:
        """Follow a worker that tells these events."""
        arguments = [str(self.folder.path), json.dumps(events), then, str(status)]
        worker = subprocess.Popen(
            [sys.executable, "-c", WORKER, *arguments], start_new_session=True, cwd=ROOT
        )
        try:
            return self.viewer.follow(worker)
        finally:
            worker.kill()
            worker.wait()

    @property
    def text(self) -> str:
        return self.out.getvalue()


@pytest.fixture
def run(tmp_path: Path) -> Watched:
    return Watched(tmp_path / "run")


def press_once_started(run: Watched, *signals: int) -> None:
    """Send signals to this process as a terminal does, when the run is seen to train."""

    def press() -> None:
        wait_until(lambda: "612,638" in run.text)
        for position, number in enumerate(signals, 1):
            os.kill(os.getpid(), number)
            wait_until(lambda position=position: run.viewer.presses == position)  # type: ignore[misc]

    threading.Thread(target=press, daemon=True).start()


def store_of(*records: dict[str, Any]) -> RunStore:
    """A run that told these events."""
    store = RunStore()
    lines = [to_line({"seq": 0, "t": 1.0, **record}) for record in records]
    store.take([event for line in lines if (event := decode_event(line))])
    return store


def final(*records: dict[str, Any]) -> str:
    """The final table of a run that told these events."""
    store = store_of(*records)
    return printed(final_table(store.evaluations[-1], store.best), 80)


def printed(renderable: Any, width: int) -> str:
    """What a console prints, without colour and trailing spaces."""
    console = Console(file=io.StringIO(), width=width, no_color=True, highlight=False)
    console.print(renderable)
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    return "\n".join(line.rstrip() for line in lines) + "\n"


# Tables ------------------------------------------------------------------------------------------


def test_tables_stand_below_each_other_at_80_columns() -> None:
    tables = EvaluationTables(EVALUATION, "Epoch 5 Evaluation Results\nstep 1,200")
    assert printed(tables, 80) == STACKED


def test_tables_stand_beside_each_other_at_100_columns() -> None:
    lines = printed(EvaluationTables(EVALUATION, "Results"), 100).splitlines()
    assert max(map(len, lines)) <= 100
    assert len(lines) < 22
    assert any("tool_call" in line and "Decision Accuracy" in line for line in lines)


def test_colours_of_slots() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, color_system="standard")
    console.print(slot_table(EVALUATION.slots.per_slot or {}))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "\x1b[32m  0.9200" in text
    assert "\x1b[33m  0.7000" in text
    assert "\x1b[31m  0.6999" in text


def test_a_model_without_slots_has_no_slot_table() -> None:
    without = replace(EVALUATION, slots=Slots(accuracy=None, value_accuracy=None, per_slot={}))
    assert "Per-Slot" not in printed(EvaluationTables(without, "Results"), 80)


def test_final_table_leaves_out_what_a_resumed_run_did_again() -> None:
    events = [
        STARTED,
        evaluation(40, best=True, exact_match=0.5),
        evaluation(80, best=True, exact_match=0.9),
        {**STARTED, "resumed_from": 50},
        evaluation(80, exact_match=0.4),
    ]
    text = final(*events)
    assert "│ Step                    │     80 │     40 │" in text
    assert "│ Exact Match             │ 0.4000 │ 0.5000 │" in text


def test_final_table_has_one_column_if_the_last_is_best() -> None:
    text = final(evaluation(80, best=True))
    assert "Final = Best" in text


def test_final_table_names_the_figure_that_is_the_best() -> None:
    events = [
        {**evaluation(40, best=True, loss=0.5), "best_metric": "loss"},
        {**evaluation(80, loss=0.7), "best_metric": "loss"},
    ]
    assert "best: loss 0.5000" in final(*events)
    assert "best:" not in final(evaluation(40, best=True))


def test_final_table_of_a_run_without_a_best_names_none() -> None:
    text = final(evaluation(80))
    assert "Final Evaluation" in text and "Best" not in text


# The curve ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [40, 80, 100, 300])
def test_curve_fits_its_width(width: int) -> None:
    text = loss_curve(range(1, 5001), [5000 / step for step in range(1, 5001)], width, False)
    assert min(width, 100) - 2 <= max(map(len, text.splitlines())) <= min(width, 100)
    assert "log scale" in text
    assert "\x1b" not in text
    assert "5,000" in text


def test_curve_passes_over_what_is_no_number() -> None:
    text = loss_curve([1, 2, 3, 4], [2.0, math.nan, math.inf, 1.0], 60, True)
    assert "log scale" not in text
    assert "\x1b[" in text
    assert loss_curve([1, 2], [1.0, math.nan], 60, False) == ""
    assert loss_curve([], [], 60, False) == ""


# Without a terminal ------------------------------------------------------------------------------


def test_a_whole_run(run: Watched) -> None:
    checkpoints = run.folder.path / "checkpoints"
    checkpoints.mkdir()
    (checkpoints / "best.pt").touch()

    status = run.follow(
        state("starting"),
        {"type": "progress", "what": "reading train.jsonl", "share": 0.1},
        {"type": "progress", "what": "reading train.jsonl", "share": 0.2},
        STARTED,
        {"type": "log", "level": "warning", "message": "3 bad lines"},
        steps(8.0, 4.0),
        steps(2.0, 1.0, first=99),
        {"type": "eval_progress", "step": 100, "done": 31, "total": 31},
        {**evaluation(100, best=True), "best_metric": "exact_match"},
        state("finished"),
    )

    assert status == 0
    lines = [line.rstrip() for line in run.text.splitlines()]
    assert max(map(len, lines)) <= 100 + len(str(run.folder.path))
    assert "\x1b" not in run.text
    assert lines.count("reading train.jsonl …") == 1
    assert "model   612,638 parameters, float32" in lines
    assert "warning: 3 bad lines" in lines
    assert "step 2/100  epoch 0.04  loss 6.0000  8:10 left  812 samples/s" in lines
    assert "step 100/100  epoch 2.00  loss 1.5000  0:00 left  812 samples/s" in lines
    assert any("Epoch 2 Evaluation Results" in line for line in lines)
    best = f"exact_match {RECORD['exact_match']:.4f}"
    assert f"The best so far: {best}." in lines
    assert any("Training loss by step" in line for line in lines)
    assert f"best checkpoint  {checkpoints}/best.pt ({best} at step 100)" in lines
    assert f"  trm-tui predict {checkpoints}/best.pt -" in lines
    assert f"  trm-tui inspect {checkpoints}/best.pt" in lines


def test_an_older_run_does_not_name_the_figure_that_is_the_best(run: Watched) -> None:
    run.follow(STARTED, steps(1.0), evaluation(1, best=True), state("finished"))
    assert "The best so far." in run.text.splitlines()


def test_few_lines_between_the_first_and_the_last(run: Watched) -> None:
    run.follow(STARTED, *(steps(1.0, first=n) for n in range(1, 101)), state("finished"))
    lines = [line for line in run.text.splitlines() if line.startswith("step ")]
    assert [line.split()[1] for line in lines] == ["1/100", "100/100"]


def test_nan_is_told_by_the_engines_alert_alone(run: Watched) -> None:
    alert = "the loss is not a number at step 2; the update was skipped"
    told = {"type": "log", "level": "error", "message": alert}
    run.follow(STARTED, steps(1.0, "NaN"), told, steps("NaN", first=3), state("finished"))
    assert [line for line in run.text.splitlines() if "not a number" in line or "NaN" in line] == [
        f"error: {alert}"
    ]


def test_only_new_events_are_shown(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    old = {"v": 1, "seq": 0, "t": 1.0, "type": "log", "level": "info", "message": "long ago"}
    (tmp_path / "run" / "events.jsonl").write_text(json.dumps(old) + "\n")
    run = Watched(tmp_path / "run")
    run.follow({"type": "log", "level": "info", "message": "just now"}, state("finished"))
    assert "just now" in run.text
    assert "long ago" not in run.text


# How a run ends ----------------------------------------------------------------------------------


def test_an_error_of_the_users(run: Watched) -> None:
    failed = {"type": "failed", "message": "no such file", "traceback": "", "user_error": True}
    with pytest.raises(RunError, match="no such file"):
        run.follow(failed, state("failed"), status=2)


def test_a_failure(run: Watched, capsys: pytest.CaptureFixture[str]) -> None:
    trace = "Traceback (most recent call last):\n  File ...\nRuntimeError: out of memory\n"
    failed = {"type": "failed", "message": "x", "traceback": trace, "user_error": False}
    assert run.follow(failed, state("failed"), status=1) == 1
    error = capsys.readouterr().err
    assert "The run failed: RuntimeError: out of memory" in error
    assert str(run.folder.log) in error


def test_a_lost_worker(run: Watched, capsys: pytest.CaptureFixture[str]) -> None:
    run.folder.log.write_text("\n".join(f"line {number}" for number in range(100)))
    assert run.follow(STARTED, state("running"), status=7) == 1
    error = capsys.readouterr().err
    assert "exit status 7" in error
    assert "line 99" in error
    assert "line 84" not in error
    assert "Nothing was saved yet" in run.text


def test_stopped_by_another_viewer(run: Watched) -> None:
    assert run.follow(STARTED, state("stopping"), state("stopped")) == 0
    assert "stopping" in run.text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_interruption_saves_and_stops(run: Watched, number: int) -> None:
    before = signal.getsignal(number)
    press_once_started(run, number)
    assert run.follow(STARTED, state("running"), then="obeys") == 130
    assert "Saving; Ctrl+C again ends at once." in run.text
    assert f"trm-tui train --resume {run.folder.path}" in run.text
    assert signal.getsignal(number) is before


def test_two_interruptions_end_a_worker_that_hangs(
    run: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trm_tui.plain.viewer.ABORT_SECONDS", 0.3)
    press_once_started(run, signal.SIGINT, signal.SIGINT)
    assert run.follow(STARTED, state("running"), then="hangs") == 130
    commands = run.folder.commands.read_text()
    assert '"abort"' in commands
    assert "start again: trm-tui train" in run.text


def test_stop_is_asked_for_until_it_is_heard(run: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that is still loading reads none of the commands given before."""
    monkeypatch.setattr("trm_tui.plain.viewer.ASK_AGAIN_SECONDS", 0.05)
    monkeypatch.setattr("trm_tui.plain.viewer.POLL_SECONDS", 0.02)
    sent: list[str] = []
    send = run.viewer._send

    def deaf_at_first(command: Any) -> bool:
        sent.append(command)
        return send(command) if len(sent) >= 3 else True

    monkeypatch.setattr(run.viewer, "_send", deaf_at_first)
    press_once_started(run, signal.SIGINT)
    assert run.follow(STARTED, state("running"), then="obeys") == 130
    assert sent[:3] == ["stop"] * 3
    assert run.text.count("Saving;") == 1


# On a terminal -----------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [60, 80, 160])
def test_bars_never_wrap(tmp_path: Path, width: int) -> None:
    run = Watched(tmp_path / "run", force_terminal=True, width=width, color_system=None)
    run.follow(
        {"type": "progress", "what": "reading a file of a long name " * 5, "share": 0.4},
        {**STARTED, "total_steps": 123456},
        {"type": "progress", "what": "more", "share": 0.4},
        steps(*[123.4567] * 9, first=123000),
        {"type": "eval_progress", "step": 100, "done": 12, "total": 31},
        state("finished"),
    )
    shown = [_plain(line) for line in run.text.split("\n") if "━" in line and "┏" not in line]
    assert any("training" in line for line in shown)
    assert any("evaluating" in line and "12/31 samples" in line for line in shown)
    assert all(len(line.rstrip()) <= width for line in shown), shown


def _plain(line: str) -> str:
    import re

    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line).split("\r")[-1]


def without_one_key(value: Any) -> Iterator[Any]:
    """Copies of a JSON value, each of which lacks one key of one object."""
    if isinstance(value, dict):
        for key in value:
            yield {name: each for name, each in value.items() if name != key}
            yield from ({**value, key: each} for each in without_one_key(value[key]))
    elif isinstance(value, list) and value:
        yield from ([each, *value[1:]] for each in without_one_key(value[0]))


def test_an_evaluation_that_lacks_a_key_is_no_event_or_has_its_tables() -> None:
    event = {"v": 1, "seq": 1, **evaluation_record(1)}
    taken = 0
    for fewer in without_one_key(event["metrics"]):
        known = decode_event(to_line({**event, "metrics": fewer}))
        if isinstance(known, Evaluated):
            taken += 1
            EvaluationTables(known.metrics, "Results")
    assert taken > 10
