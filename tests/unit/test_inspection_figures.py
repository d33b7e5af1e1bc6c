"""Figures of an evaluation are scikit-learn's on what `trm-tui predict` prints."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from msgspec import to_builtins

from tests.inspected import Listener
from tests.models import batch_of, checkpoint_of, inputs_of, reading_model
from tests.support import dialogues, write_jsonl
from trm_engine.checkpoints.file import save_atomically
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.data.values import value_text
from trm_engine.inspection.evaluation import evaluate
from trm_engine.inspection.files import ModelFiles
from trm_engine.inspection.prediction import predict
from trm_engine.models import TRMForToolCalling
from trm_engine.runs.schema.answers import StepPrediction
from trm_engine.training.losses import DeepSupervisionLoss, count_labels
from trm_engine.training.supervision import Part, averaged
from trm_engine.training.targets import Targets

sklearn = partial(import_module, "sklearn.metrics")  # slow to import

UPDATES, TOGETHER = 18, 8
SAMPLES = dialogues(10)
CALLS = [place for place, sample in enumerate(SAMPLES) if sample["tool"]]
Found = dict[str, Any]


@pytest.fixture(scope="module")
def files() -> ModelFiles:
    return ModelFiles("cpu")


@pytest.fixture(scope="module")
def checkpoint(dataset: TRMToolCallingDataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that has learnt a little: some of each part is right, and some is wrong."""
    model = reading_model(dataset, seed=1, spread=0.1)
    loss_fn = DeepSupervisionLoss(model.config)
    optimizer = torch.optim.AdamW(model.parameters(), 5e-3)
    for update in range(1, UPDATES + 1):
        places = [(7 * update + 5 * place) % len(dataset) for place in range(TOGETHER)]
        batch = batch_of(dataset, places)
        targets = Targets.of(batch)
        for _ in averaged(
            model, loss_fn, [Part(batch, targets, model.catalogue)], count_labels(targets)
        ):
            pass
        optimizer.step()
        optimizer.zero_grad()
    _confuse_tools(model.eval(), dataset)
    path = tmp_path_factory.mktemp("learnt") / "best.pt"
    save_atomically(checkpoint_of(model, dataset), path)
    return path


def _confuse_tools(model: TRMForToolCalling, dataset: TRMToolCallingDataset) -> None:
    """Change the head of the tool until some of the calls, but not all, have another tool."""
    batch = batch_of(dataset, CALLS)
    weight = model.heads.tool.register.weight
    learnt = weight.detach().clone()
    for scale in range(1, 100):
        noise = torch.randn(weight.shape, generator=torch.Generator().manual_seed(scale))
        with torch.no_grad():
            weight.copy_(learnt + 0.2 * scale * noise)
        chosen = model.inference(**inputs_of(batch)).tool_logits.argmax(dim=1)
        if 0 < (chosen == batch["tool_name_labels"]).sum() < len(CALLS):
            return
    raise AssertionError("the tools cannot be confused")


@pytest.fixture(scope="module")
def metrics(files: ModelFiles, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Found:
    data = write_jsonl(tmp_path_factory.mktemp("samples") / "val.jsonl", SAMPLES)
    found: Found = to_builtins(evaluate(files, Listener(), str(checkpoint), str(data)).metrics)
    return found


@pytest.fixture(scope="module")
def answers(files: ModelFiles, checkpoint: Path) -> list[StepPrediction]:
    """The last step's answer to each sample, with the arguments of its true tool if it has one."""
    given = (files, Listener(), str(checkpoint))
    return [
        predict(*given, sample, tool=sample["tool"].get("name")).steps[-1] for sample in SAMPLES
    ]


def test_tool_accuracy_and_confusion(metrics: Found, answers: list[StepPrediction]) -> None:
    names = metrics["tool"]["labels"]
    truth = [SAMPLES[place]["tool"]["name"] for place in CALLS]
    predicted = [answers[place].tools[0].name for place in CALLS]
    matrix = sklearn().confusion_matrix(truth, predicted, labels=names)
    assert metrics["tool"]["confusion"] == matrix.tolist()
    assert metrics["tool"]["accuracy"] == sklearn().accuracy_score(truth, predicted)
    assert 0 < metrics["tool"]["accuracy"] < 1
    printed = [answers[place].prediction.tool for place in CALLS]
    called = [(each.name, name) for each, name in zip(printed, predicted, strict=True) if each]
    assert called and all(name == likeliest for name, likeliest in called)


def test_slot_presence(metrics: Found, answers: list[StepPrediction]) -> None:
    slots = metrics["slots"]
    names = list(slots["per_slot"])
    truth = np.array([[bool(each["slots"][name]) for name in names] for each in SAMPLES])
    given = [answer.prediction.slot_probabilities for answer in answers]
    predicted = np.array([[each[name] > 0.5 for name in names] for each in given])
    assert slots["accuracy"] == sklearn().accuracy_score(truth.ravel(), predicted.ravel())
    assert slots["all_right"] == sklearn().accuracy_score(truth, predicted)
    for place, name in enumerate(names):
        one = truth[:, place], predicted[:, place]
        told = slots["per_slot"][name]
        assert told["accuracy"] == sklearn().accuracy_score(*one)
        assert told["f1"] == pytest.approx(sklearn().f1_score(*one))
    assert 0 < slots["all_right"] < 1


def test_slot_values(metrics: Found, answers: list[StepPrediction]) -> None:
    slots = metrics["slots"]
    values = {
        name: [
            (folded(sample["slots"][name]), folded(answer.prediction.slots[name]))
            for sample, answer in zip(SAMPLES, answers, strict=True)
            if sample["slots"][name]
        ]
        for name in slots["per_slot"]
    }
    for name, pairs in values.items():
        told = slots["per_slot"][name]
        assert told["value_accuracy"] == sklearn().accuracy_score(*zip(*pairs, strict=True))
    every = [pair for pairs in values.values() for pair in pairs]
    assert slots["value_accuracy"] == sklearn().accuracy_score(*zip(*every, strict=True))
    assert slots["values"] == len(every)
    assert 0 < slots["value_accuracy"] < 1


def test_arguments(metrics: Found, answers: list[StepPrediction]) -> None:
    right = []
    for place in CALLS:
        tool, answer = SAMPLES[place]["tool"], answers[place]
        values = answer.arguments[tool["name"]]
        found = {each.name: each.value for each in values if each.is_present}
        right.append(as_text(found) == as_text(tool["arguments"]))
        printed = answer.prediction.tool
        if printed and printed.name == tool["name"]:
            assert as_text(printed.arguments) == as_text(found)
    share = sklearn().accuracy_score([True] * len(right), right)
    assert metrics["arguments"] == {"accuracy": share, "calls": len(CALLS)}
    assert 0 < share < 1


def test_exact_matches(metrics: Found, answers: list[StepPrediction]) -> None:
    right = [
        answer.prediction.decision == sample["decision"]
        and (not sample["tool"] or answer.tools[0].name == sample["tool"]["name"])
        and all(
            (probability > 0.5) == bool(sample["slots"][name])
            for name, probability in answer.prediction.slot_probabilities.items()
        )
        for sample, answer in zip(SAMPLES, answers, strict=True)
    ]
    assert metrics["exact_match"] == sklearn().accuracy_score([True] * len(right), right)


def folded(text: str) -> str:
    return text.strip().casefold()


def as_text(arguments: dict[str, Any]) -> dict[str, str]:
    return {name: folded(value_text(value)) for name, value in arguments.items()}
