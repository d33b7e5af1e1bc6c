"""Values that are said in another spelling are learnt like any other, and keep their types."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.runs import finish, tiny_run
from tests.support import write_jsonl
from trm_engine.config import Config
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.data.samples import Conversation
from trm_engine.inference.predictor import Predictor
from trm_engine.runs.folder import RunFolder
from trm_engine.training.evaluate import evaluate

pytestmark = [pytest.mark.slow, pytest.mark.executed]

SAMPLES = 120


def numbers() -> Iterator[float]:
    """Different numbers with one decimal."""
    return (round(3.1 + 7 * number % 90 + number % 7 / 10, 1) for number in range(SAMPLES))


def sample(text: str, calls: list[dict[str, Any]], tool: str, **arguments: Any) -> dict[str, Any]:
    turns = [{"role": "tool_call", "content": call} for call in calls]
    return {
        "tools": [],
        "history": [{"role": "user", "content": text}, *turns],
        "decision": "tool_call" if tool else "direct_answer",
        "tool": {"name": tool, "arguments": arguments} if tool else {},
        "slots": {},
    }


SPELLINGS: dict[str, list[dict[str, Any]]] = {
    "zeros": [sample(f"Send {n:.2f} euros", [], "send", sum=n) for n in numbers()],
    "thousands": [
        sample(f"Send {n * 997:,.1f} euros", [], "send", sum=round(n * 997, 1)) for n in numbers()
    ],
    "whole": [sample(f"Send {int(n)} euros", [], "send", sum=float(int(n))) for n in numbers()],
    "quotes": [
        sample(f"Meet me at Bo{n}an\u2019s tonight", [], "meet", place=f"Bo{n}an's")
        for n in range(SAMPLES)
    ],
    "spaces": [
        sample(f"Fly to San\u00a0Bo{n} now", [], "fly", city=f"San Bo{n}") for n in range(SAMPLES)
    ],
    "letters": [
        sample(f"Fly to Be\u0301{n}r now", [], "fly", city=f"B\u00e9{n}r") for n in range(SAMPLES)
    ],
}


def trained(folder: Path, records: list[dict[str, Any]]) -> tuple[RunFolder, Config, Path]:
    data = write_jsonl(folder / "data.jsonl", records)
    run, config = tiny_run(
        folder / "run", max_steps=300, batch_size=8, learning_rate=5e-3, num_epochs=60
    )
    config.data.train_data = str(data)
    config.data.val_split = 0.0
    config.model.hidden_size = 32
    config.to_yaml(run.config)
    finish(run, config)
    return run, config, data


@pytest.mark.parametrize("way", SPELLINGS)
def test_every_spelling_is_learnt(way: str, tmp_path: Path) -> None:
    run, config, data = trained(tmp_path, SPELLINGS[way])
    predictor = Predictor.load(run.checkpoints(config) / "last.pt", "cpu")
    judged = TRMToolCallingDataset(
        data, predictor.tokenizer, predictor.labels, cache_dir=tmp_path / "cache"
    )
    accuracy = evaluate(predictor.model, judged).arguments.accuracy
    assert accuracy is not None
    assert accuracy > 0.95


def test_types_are_those_of_the_values(tmp_path: Path) -> None:
    records = [
        sample(f"Order {n}: for {n % 8 + 2} guests", [], "book", guests=n % 8 + 2, quiet=n % 8 > 3)
        for n in range(SAMPLES)
    ]
    run, config, _ = trained(tmp_path, records)
    predictor = Predictor.load(run.checkpoints(config) / "last.pt", "cpu")
    answers = predictor.predict([Conversation.model_validate(each) for each in records[:8]])
    found = [answer.tool.arguments if answer.tool else {} for answer in answers]
    assert [each["guests"] for each in found] == [2, 3, 4, 5, 6, 7, 8, 9]
    assert all(type(each["guests"]) is int for each in found)
    assert [each["quiet"] for each in found] == [False] * 4 + [True] * 4


def test_calls_that_are_made_together_are_all_made(tmp_path: Path) -> None:
    records: list[dict[str, Any]] = []
    for number in range(60):
        cities = [f"Ba{number}", f"Du{number + 3}"][: 1 + number % 2]
        text = "weather in " + " and ".join(cities)
        calls: list[dict[str, Any]] = []
        for city in cities:
            records.append(sample(text, [*calls], "weather", city=city))
            calls.append({"name": "weather", "arguments": {"city": city}})
        records.append(sample(text, calls, ""))
    run, config, _ = trained(tmp_path, records)
    predictor = Predictor.load(run.checkpoints(config) / "last.pt", "cpu")
    assert predictor.labels.calls_together
    asked = [f"weather in Ba{number} and Du{number + 3}" for number in range(1, 21, 2)]
    turns = [{"history": [{"role": "user", "content": text}]} for text in asked]
    answers = predictor.predict([Conversation.model_validate(each) for each in turns])
    right = [
        [call.arguments["city"] for call in answer.calls] == [f"Ba{number}", f"Du{number + 3}"]
        for number, answer in zip(range(1, 21, 2), answers, strict=True)
    ]
    assert sum(right) >= 8
