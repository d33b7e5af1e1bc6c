"""The screen of `trm-tui inspect` on thousands of judged samples that no model judged."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from msgspec import convert

from trm_engine.runs.schema.evaluation import JudgedSample
from trm_engine.runs.schema.model_file import ModelSummary
from trm_tui.app import TrmApp
from trm_tui.screens.inspect import InspectScreen
from trm_tui.sessions.checkpoint import CheckpointSession
from trm_tui.settings import Settings
from trm_tui.store.judged import CALL, PARTS

TOOLS = [f"service_{number % 9}.tool_{number}" for number in range(40)]
WORDS = ("I", "need", "to", "change", "my", "plan", "and", "pay", "the", "bill", "of", "last month")
SUMMARY = {
    "path": "/nowhere/run/best.pt",
    "kind": "checkpoint",
    "saved": 0.0,
    "step": 1000,
    "epoch": 2.0,
    "bytes": 10**7,
    "parameters": 10**6,
    "has_ema": True,
    "config": None,
    "labels": None,
    "defaults": {},
}


def write_samples(path: Path, count: int) -> None:
    """As many conversations, one a line."""
    chance = random.Random(0)
    with path.open("w", encoding="utf-8") as file:
        for line in range(1, count + 1):
            roles = ("user", "assistant", "user", "assistant", "user")
            history = [{"role": role, "content": _text(chance, line)} for role in roles]
            sample = {"tools": [], "history": history, "decision": "tool_call", "slots": {}}
            file.write(json.dumps({**sample, "tool": {"name": chance.choice(TOOLS)}}) + "\n")


def records(count: int) -> list[dict[str, Any]]:
    """As many judged samples; six of ten are wrong."""
    chance = random.Random(1)
    return [_record(chance, line) for line in range(1, count + 1)]


def _record(chance: random.Random, line: int) -> dict[str, Any]:
    wrong = chance.sample(PARTS, chance.randint(1, 3)) if chance.random() < 0.6 else []
    return {
        "line": line,
        "text": _text(chance, line),
        "decision": CALL,
        "tool": chance.choice(TOOLS),
        "predicted_decision": CALL,
        "predicted_tool": chance.choice(TOOLS),
        "confidence": round(chance.random(), 4),
        "loss": round(chance.expovariate(1), 4),
        "wrong": [part for part in PARTS if part in wrong],
    }


def _text(chance: random.Random, line: int) -> str:
    return f"{' '.join(chance.choices(WORDS, k=14))}, case {line}"


class Judged(CheckpointSession):
    """Knows all samples at once; a model has nothing to say."""

    count = 0

    async def open(self) -> ModelSummary:
        """What is said of no file."""
        self.summary = convert(SUMMARY, ModelSummary)
        return self.summary

    async def evaluate(self) -> AsyncIterator[None]:
        """All in one go."""
        self.judgement.samples.add(convert(list(records(self.count)), list[JudgedSample]))
        yield

    async def predict(self, sample: dict[str, Any]) -> Any:
        """No answer."""


def main() -> None:
    """``python -m benchmarks.fake_inspect SAMPLES COUNT``: show them until someone leaves."""
    judged = Judged(Path(str(SUMMARY["path"])), Path(sys.argv[1]))
    judged.count = int(sys.argv[2])
    TrmApp(lambda _: InspectScreen(judged), Settings()).run()


if __name__ == "__main__":
    main()
