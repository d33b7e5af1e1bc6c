"""A run folder that a test writes as a worker would, event by event."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.screens.panes import evaluation_record
from trm_engine.config import Config
from trm_engine.files.jsonl import append, to_line
from trm_engine.runs.folder import RunFolder, claim
from trm_tui.sessions.run import AttachedRun

TOOLS = ["check_bill", "change_plan", "report_outage"]


class FakeRun:
    """A run of ``total`` updates in a folder; live while it is not ended."""

    def __init__(self, path: Path, total: int = 1000, config: Config | None = None) -> None:
        self.folder = RunFolder(path)
        self.folder.create()
        self.config = config or Config()
        self.config.to_yaml(self.folder.config)
        self.total = total
        self.step = 0
        self.evaluations = 0
        self._seq = 0
        self._lock: ExitStack | None = claim(self.folder)
        self.sample_file = path / "validation.jsonl"
        self.sample_file.write_text(json.dumps(SAMPLE) + "\n", encoding="utf-8")
        self.event("state", state="starting")

    def attach(self) -> AttachedRun:
        """The run as a screen holds it."""
        return AttachedRun(self.folder)

    def event(self, kind: str, /, **content: Any) -> None:
        """Write one event."""
        event = {"v": 1, "seq": self._seq, "t": round(time.time(), 3), "type": kind, **content}
        append(self.folder.events, to_line(event))
        self._seq += 1

    def begin(self) -> None:
        """The run starts to train."""
        facts = {
            "path": str(self.sample_file),
            "samples": 100,
            "dialogues": 20,
            "tool_calls": 30,
            "tokens": 12000,
            "mean_tokens": 120.0,
            "longest": 300,
            "truncated_samples": 0,
            "bad_lines": 0,
            "overlap": 0,
        }
        self.event("state", state="running")
        self.event(
            "run_started",
            config=self.config.to_dict(),
            data={"train": facts, "val": facts},
            labels={},
            parameters={"total": 535_342},
            device="cpu (2 threads)",
            dtype="bfloat16",
            dtype_reason="AMX",
            versions={"python": "3.11", "torch": "2.13"},
            git_revision="abc1234",
            seed=self.config.training.seed,
            pid=1,
            host="host",
            world_size=1,
            total_steps=self.total,
            steps_per_epoch=200,
            resumed_from=None,
        )

    def train(self, updates: int) -> None:
        """So many updates more."""
        steps = list(range(self.step + 1, self.step + updates + 1))
        columns = {
            "step": steps,
            "epoch": [step / 200 for step in steps],
            "time": [step * 0.5 for step in steps],
            "lr": [0.001] * updates,
            "grad_norm": [5.0 + 5.0 / step for step in steps],
            "samples": [32] * updates,
            "tokens": [4000] * updates,
            "samples_per_s": [64.0] * updates,
            "tokens_per_s": [8000.0] * updates,
            "memory": [5e8] * updates,
            "total_loss": [10.0 / step**0.5 for step in steps],
            "decision_loss": [1.0 / step**0.5 for step in steps],
            "tool_loss": [3.0 / step**0.5 for step in steps],
        }
        self.event("steps", columns=columns, by_step=[[2.0, 1.5]] * updates)
        self.step += updates

    def evaluate(self, **more: Any) -> None:
        """An evaluation, better than the one before; ``more`` is added to its event."""
        event = evaluation_record(self.evaluations)
        metrics = event["metrics"]
        counts = {"tp": 20, "fn": 3, "fp": 2, "tn": 75}
        metrics["decision"] |= {"precision": 0.9, "recall": 0.8, **counts}
        metrics["tool"] |= {
            "samples": 23,
            "unknown": 0,
            "labels": TOOLS,
            "confusion": [[9, 1, 0], [0, 6, 0], [0, 2, 5]],
            "cells": [{"true": 0, "predicted": 1, "count": 1, "lines": [1]}],
        }
        self.evaluations += 1
        told = {"step": self.step, "epoch": self.step / 200, "seconds": 3.0, "best": True, **more}
        self.event("eval", **told, metrics=metrics)

    def end(self, state: str | None, **content: Any) -> None:
        """The worker ends, saying ``state``, or without a word if that is None."""
        if state:
            self.event("state", state=state, **content)
        if self._lock:
            self._lock.close()
        self._lock = None

    def commands(self) -> list[str]:
        """What was asked of the worker."""
        if not self.folder.commands.exists():
            return []
        lines = self.folder.commands.read_text(encoding="utf-8").splitlines()
        return [json.loads(line)["command"] for line in lines]


SAMPLE = {
    "tools": [{"type": "function", "function": {"name": name}} for name in TOOLS],
    "history": [{"role": "user", "content": "What do I owe this month?"}],
    "decision": "tool_call",
    "tool": {"name": "check_bill", "arguments": {}},
    "slots": {"phone": ""},
    "content": "",
}
