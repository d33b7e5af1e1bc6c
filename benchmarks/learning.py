"""``python -m benchmarks.learning [FOLDER]``: train on a data set, print what was learnt."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trm_engine.config import Config
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.data.survey import split_dialogues
from trm_engine.data.training_items import without_capitals
from trm_engine.models.layout import Layout
from trm_engine.models.recursion import RecursiveCore, State
from trm_engine.models.trm import TRMForToolCalling
from trm_engine.runs.events import Silent
from trm_engine.runs.folder import RunFolder
from trm_engine.runs.schema.events import NewEvent, StepColumns
from trm_engine.training.device import choose_device
from trm_engine.training.distributed import ProcessGroup
from trm_engine.training.evaluate import Evaluator
from trm_engine.training.loop import Trainer
from trm_engine.training.prepare import build_model, prepare_data

WATCHED = 32
"""Validation samples that are judged during training; all of them are at the end."""


def main() -> int:
    """Train on FOLDER/train.jsonl, judge on FOLDER/val.jsonl; returns the exit status."""
    arguments = _arguments()
    parts = ("train", "val") if arguments.folder else ()
    data = [f"data.{part}_data={arguments.folder / f'{part}.jsonl'}" for part in parts]
    training = {
        "seed": arguments.seed,
        "eval_interval": 1_000_000,
        "save_interval": 1_000_000,
    }
    if arguments.epochs:
        training["num_epochs"] = arguments.epochs
    fixed = [*data, *(f"training.{key}={value}" for key, value in training.items())]
    config = Config.from_yaml(arguments.config, [*fixed, *arguments.set])
    with tempfile.TemporaryDirectory() as temporary:
        folder = RunFolder(arguments.keep or Path(temporary))
        for figures in _figures(config, arguments.samples, folder, arguments.plain):
            print(_row(figures))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "folder",
        type=Path,
        nargs="?",
        help="holds train.jsonl and val.jsonl; else the configuration's data",
    )
    parser.add_argument("--config", default="configs/default.yaml")
    parser.add_argument("--samples", type=int, help="training samples, whole dialogues; else all")
    parser.add_argument("--epochs", type=int, help="else as many as the configuration says")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder for the checkpoint; else it is forgotten")
    parser.add_argument("--plain", action="store_true", help="a transformer without recursion")
    parser.add_argument("--set", action="append", default=[], metavar="section.key=value")
    return parser.parse_args()


def _figures(
    config: Config, samples: int | None, folder: RunFolder, is_plain: bool
) -> Iterator[dict[str, Any]]:
    """What training took; what the averaged weights then say about the validation samples, as they
    are and in small letters."""
    torch.set_num_threads(config.training.num_threads or torch.get_num_threads())
    device = choose_device(config.training.device)
    prepared = prepare_data(config)
    config = prepared.config
    train, val = _part_of(prepared.train, samples), prepared.val
    model = build_model(config, prepared, device)
    if is_plain:
        model.core.__class__ = _PlainTransformer
    folder.checkpoints(config).mkdir(parents=True, exist_ok=True)
    watched = val.subset(np.arange(min(WATCHED, len(val))))
    group = ProcessGroup()
    report = _StepsTrained()
    trainer = Trainer(config, model, train, watched, folder, report, NoCommands(), group)
    began, cpu_began = time.perf_counter(), time.process_time()
    trainer.run()
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu_began
    yield {
        "samples": len(train),
        "tokens a sample": float(train.lengths.mean()),
        "seconds": seconds,
        "CPU seconds": cpu_seconds,
        "samples/s": len(train) * config.training.num_epochs / seconds,
        "supervision steps a sample": report.mean(),
    }
    with trainer.state.averaged():
        yield {"capitals": "as they are", **_judged(model, val, config.training.batch_size)}
        val.__class__ = _InSmallLetters
        yield {"capitals": "none", **_judged(model, val, config.training.batch_size)}


def _judged(
    model: TRMForToolCalling, val: TRMToolCallingDataset, batch_size: int
) -> dict[str, float]:
    evaluator = Evaluator(model, val)
    list(evaluator.batches(batch_size))
    evaluation = evaluator.evaluation()
    return {
        "user-turn accuracy": _user_turn_accuracy(evaluator),
        "decision F1": evaluation.decision.f1,
        "tool": evaluation.tool.accuracy,
        "all slots": evaluation.slots.all_right,
        "exact": evaluation.exact_match,
        "exact with values": evaluation.exact_match_values,
        "slots with values": _all_values_right(evaluator),
        "arguments": evaluation.arguments.accuracy,
    }


def _part_of(train: TRMToolCallingDataset, samples: int | None) -> TRMToolCallingDataset:
    """About ``samples`` samples of whole dialogues, drawn the same way whatever the run's seed."""
    if samples is None or samples >= len(train):
        return train
    return train.subset(split_dialogues(train.dialogues, samples / len(train), seed=0)[1])


def _user_turn_accuracy(evaluator: Evaluator) -> float:
    """Decision accuracy on samples whose history ends with a user turn."""
    dataset = evaluator.dataset
    asked = [dataset.sample(i).history[-1].role == "user" for i in range(len(dataset))]
    right = (evaluator.answers.decision[-1] > 0.5) == evaluator.truth.decision
    return float(right[asked].mean())


def _all_values_right(evaluator: Evaluator) -> float:
    """Decision, tool and every slot's presence and value right, arguments aside."""
    answers, truth = evaluator.answers, evaluator.truth
    decision = (answers.decision[-1] > 0.5) == truth.decision
    tool = (answers.tool[-1] == truth.tool) | ~truth.decision
    return float((decision & tool & answers.value_right[-1].all(axis=-1)).mean())


def _row(figures: dict[str, Any]) -> str:
    return " | ".join(
        f"{name} {format(value, '.3f') if isinstance(value, float) else value}"
        for name, value in figures.items()
    )


class _StepsTrained(Silent):
    """A report that keeps how many supervision steps a sample trained."""

    def __init__(self) -> None:
        self._samples, self._steps = 0.0, 0.0

    def __call__(self, event: NewEvent) -> None:
        if not isinstance(event, StepColumns):
            return
        columns = event.columns
        by_update = columns.get("steps_per_sample") or map(len, event.by_step)
        for samples, steps in zip(columns["samples"], by_update, strict=True):
            self._samples += samples
            self._steps += samples * steps

    def mean(self) -> float:
        """Over all samples and epochs."""
        return self._steps / self._samples


class _InSmallLetters(TRMToolCallingDataset):
    """The samples as if nobody had used a capital."""

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return without_capitals(super().__getitem__(index))


class _PlainTransformer(RecursiveCore):
    """The control: the layers once, from the question to the answer."""

    def latent_recursion(self, x: Tensor, y: Tensor, z: Tensor, layout: Layout) -> State:
        return self.net(x, layout), z


class NoCommands:
    """Nobody tells the run what to do."""

    def __call__(self) -> list[str]:
        return []

    def wants(self, *wanted: str) -> bool:
        return False


if __name__ == "__main__":
    raise SystemExit(main())
