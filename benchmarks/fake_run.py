"""A run that nobody trains: believable events, written at once or as fast as they are asked for."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec.structs import replace

from tests.events import read_events
from trm_engine.config import Config
from trm_engine.data.field import Field
from trm_engine.data.labels import Labels
from trm_engine.data.telecom.schema import SLOTS, TOOLS
from trm_engine.files.jsonl import append
from trm_engine.runs.events import FLUSH_SECONDS, VERSION
from trm_engine.runs.folder import RunFolder, claim
from trm_engine.runs.schema.evaluation import Evaluation, JudgedSample
from trm_engine.training.metrics import (
    Answers,
    Truth,
    confusion_cells,
    evaluation_metrics,
)

SAMPLES = 693
SKILLS = 20
"""Evaluations are of so many kinds, from knowing nothing to knowing nearly everything."""
SECONDS_AN_UPDATE = 0.16
BLOCK = 20_000
LOSS_SHARES = {
    "decision_loss": 0.08,
    "tool_loss": 0.25,
    "slot_loss": 0.06,
    "q_loss": 0.02,
    "slot_span_loss": 0.5,
    "arg_loss": 0.68,
}
BATCH = 32
LABELS = Labels(tuple(TOOLS), tuple(() for _ in TOOLS), tuple(map(Field, SLOTS)), ())


class FakeRun:
    """Writes the events of a run of ``total`` updates, ``together`` of them an event."""

    def __init__(self, folder: RunFolder, total: int, together: int, evaluate_every: int) -> None:
        self.folder = folder
        self.total = total
        self._together = together
        self._evaluate_every = evaluate_every
        self._seq = itertools.count()
        self._random = np.random.default_rng(0)
        self._encode = msgspec.json.Encoder().encode
        self._evaluations = [
            evaluation(float(skill), self._random) for skill in np.linspace(0.4, 0.97, SKILLS)
        ]

    def begin(self) -> None:
        """Write the configuration and what comes before the first update."""
        config = Config()
        config.training.eval_interval = self._evaluate_every
        self.folder.create()
        config.to_yaml(self.folder.config)
        started = {
            "config": config.to_dict(),
            "data": {"train": _data_facts(6239), "val": {**_data_facts(SAMPLES), "overlap": 0}},
            "labels": LABELS.to_dict(),
            "parameters": {
                "total": 535_342,
                "embedding": 201_088,
                "core": 278_528,
                "heads": 55_726,
            },
            "device": "cpu (2 threads)",
            "dtype": "bfloat16",
            "dtype_reason": "the CPU has AMX or AVX512-BF16",
            "versions": {"python": "3.11", "torch": "2.13.0"},
            "git_revision": None,
            "seed": 0,
            "pid": 0,
            "host": "nowhere",
            "world_size": 1,
            "total_steps": self.total,
            "steps_per_epoch": max(1, self.total // 5),
            "resumed_from": None,
        }
        lines = [
            self._line("state", state="starting"),
            self._line("run_started", **started),
            self._line("state", state="running"),
        ]
        append(self.folder.events, b"".join(lines))

    def lines(self, first: int, last: int) -> Iterator[bytes]:
        """The events of updates ``first`` to ``last``, counted from 1."""
        for begin in range(first, last + 1, BLOCK):
            yield from self._block(begin, min(begin + BLOCK - 1, last))

    def end(self) -> None:
        """Write that the run is finished."""
        append(self.folder.events, self._line("state", state="finished"))

    def _block(self, first: int, last: int) -> Iterator[bytes]:
        columns = {name: values.tolist() for name, values in self._columns(first, last).items()}
        losses = columns["total_loss"]
        for begin in range(0, last - first + 1, self._together):
            part = slice(begin, begin + self._together)
            rows = {name: values[part] for name, values in columns.items()}
            by_step = [[loss] for loss in losses[part]]
            yield self._line("steps", columns=rows, by_step=by_step)
            step = rows["step"][-1]
            if step % self._evaluate_every < len(by_step):
                yield self._evaluation(step)

    def _columns(self, first: int, last: int) -> dict[str, np.ndarray]:
        step = np.arange(first, last + 1)
        rows = len(step)
        noise = self._random.lognormal(0, 0.25, rows)
        loss = (0.6 + 14 * np.exp(-8 * step / self.total)) * noise
        spread = {name: loss * share for name, share in LOSS_SHARES.items()}
        per_second = self._random.normal(165, 4, rows).round(1)
        return {
            "step": step,
            "epoch": (5 * step / self.total).round(5),
            "lr": _seven_digits(1e-3 * np.minimum(step / 50, 1 - 0.999 * step / self.total)),
            "samples": np.full(rows, BATCH),
            "tokens": self._random.integers(1000, 9000, rows),
            "time": (step * SECONDS_AN_UPDATE).round(3),
            "grad_norm": _seven_digits(3 + 20 * np.exp(-8 * step / self.total) * noise),
            "total_loss": _seven_digits(loss),
            **{name: _seven_digits(values) for name, values in spread.items()},
            "samples_per_s": per_second,
            "tokens_per_s": (per_second * 167).round(1),
            "memory": np.full(rows, 800_000_000) + step % 1000 * 1000,
        }

    def _evaluation(self, step: int) -> bytes:
        skill = min(step * SKILLS // self.total, SKILLS - 1)
        content = {"epoch": 5 * step / self.total, "seconds": 3.0, "best": True}
        return self._line("eval", step=step, metrics=self._evaluations[skill], **content)

    def _line(self, kind: str, **content: Any) -> bytes:
        head = {"v": VERSION, "seq": next(self._seq), "t": round(time.time(), 3), "type": kind}
        return self._encode({**head, **content}) + b"\n"


def evaluation(skill: float, random: np.random.Generator, steps: int = 2) -> Evaluation:
    """The metrics of a model that is right about each thing with probability ``skill``."""
    decision = random.random(SAMPLES) < 0.32
    tool = np.where(decision, random.integers(len(TOOLS), size=SAMPLES), -1)
    truth = Truth(decision, tool, random.random((SAMPLES, len(SLOTS))) < 0.5)

    def right(*shape: int) -> np.ndarray:
        return random.random((steps, *shape)) < skill

    answers = Answers(
        decision=np.where(right(SAMPLES) == truth.decision, 0.93, 0.07),
        q=random.uniform(skill / 2, 1, (steps, SAMPLES)),
        tool=np.where(right(SAMPLES), tool, random.integers(len(TOOLS), size=(steps, SAMPLES))),
        tool_probability=np.full((steps, SAMPLES), skill),
        tool_confidence=np.full((steps, SAMPLES), skill),
        presence=np.where(right(*truth.presence.shape) == truth.presence, 0.93, 0.07),
        value_right=right(*truth.presence.shape),
        args_right=right(SAMPLES),
    )
    metrics = evaluation_metrics(truth, answers, LABELS, 0.9, len(LABELS.tools))
    cells = confusion_cells(truth.tool, answers.tool[-1], np.arange(SAMPLES))
    losses = [3.0 * (1 - skill) + 0.4 - 0.1 * step for step in range(steps)]
    samples = [_sample(index, answers, truth) for index in range(12)]
    by_step = [replace(step, loss=loss) for step, loss in zip(metrics.by_step, losses, strict=True)]
    return replace(
        metrics,
        tool=replace(metrics.tool, cells=cells),
        loss=sum(losses) / len(losses),
        by_step=by_step,
        worst=samples,
        shown=samples,
    )


def _sample(index: int, answers: Answers, truth: Truth) -> JudgedSample:
    called = bool(truth.decision[index])
    names = list(TOOLS)
    predicted = int(answers.tool[-1, index])
    return JudgedSample(
        index=index,
        line=index + 1,
        text=f"my number is 0900 {index:04} and the line is down again",
        decision="tool_call" if called else "direct_answer",
        tool=names[truth.tool[index]] if called else None,
        predicted_tool=names[predicted] if predicted >= 0 else None,
        decision_probability=answers.decision[:, index].tolist(),
        q=answers.q[:, index].round(4).tolist(),
        loss=round(float(index) / 3, 4),
        wrong=[] if called == (answers.decision[-1, index] > 0.5) else ["decision"],
    )


def _data_facts(samples: int) -> dict[str, Any]:
    return {
        "path": "builtin:telecom",
        "samples": samples,
        "dialogues": samples // 6,
        "tool_calls": samples // 3,
        "tokens": samples * 167,
        "mean_tokens": 167.0,
        "longest": 512,
        "truncated_samples": 0,
        "bad_lines": 0,
    }


def _seven_digits(values: np.ndarray) -> np.ndarray:
    """All that a float32 tells, as real events are written."""
    scale = 10.0 ** (6 - np.floor(np.log10(np.maximum(np.abs(values), 1e-30))))
    return np.round(values * scale) / scale


def write_finished(folder: RunFolder, total: int, together: int, evaluate_every: int) -> None:
    """A finished run of ``total`` updates."""
    run = FakeRun(folder, total, together, evaluate_every)
    run.begin()
    with open(folder.events, "ab") as file:
        file.writelines(run.lines(1, total))
    run.end()


def produce(folder: RunFolder, rate: int, seconds: float, evaluate_every: int) -> None:
    """Be the worker of a live run: ``rate`` events of one update a second.

    Says "ready", waits for a line on standard input, writes, says "done", and ends the run when
    standard input closes.
    """
    run = FakeRun(folder, round(rate * seconds), 1, evaluate_every)
    run.folder.create()
    with claim(folder):
        run.begin()
        lines = list(run.lines(1, run.total))
        print("ready", flush=True)
        sys.stdin.readline()
        _write_at(rate, lines, folder.events)
        print("done", flush=True)
        sys.stdin.read()
        run.end()


def _write_at(rate: int, lines: list[bytes], path: Path) -> None:
    """Append ``rate`` lines a second, as often as a worker writes."""
    began, written = time.monotonic(), 0
    while written < len(lines):
        time.sleep(FLUSH_SECONDS)
        due = min(int((time.monotonic() - began) * rate), len(lines))
        append(path, b"".join(lines[written:due]))
        written = due


def updates(folder: RunFolder) -> int:
    """How many updates the events of a run tell of."""
    steps = (event for event in read_events(folder.events) if event["type"] == "steps")
    return sum(len(event["by_step"]) for event in steps)


if __name__ == "__main__":
    produce(RunFolder(Path(sys.argv[1])), int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))
