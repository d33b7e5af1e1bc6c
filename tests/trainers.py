"""Trainers that train a tiny model in the process of a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import torch

from tests.events import Record
from tests.support import dialogues, write_jsonl
from trm_engine.config import Config
from trm_engine.runs.events import Silent
from trm_engine.runs.folder import RunFolder
from trm_engine.runs.schema.events import NewEvent
from trm_engine.training.distributed import ProcessGroup
from trm_engine.training.loop import Trainer
from trm_engine.training.prepare import build_model, prepare_data


class NoCommands:
    """Nobody asks for anything."""

    def __call__(self) -> list[str]:
        return []

    def wants(self, *wanted: str) -> bool:
        return False


def tiny_config(path: Path, **training: Any) -> Config:
    """A configuration whose data, cache and checkpoints are in a folder."""
    model = {
        **{"hidden_size": 16, "num_heads": 2, "num_layers": 1, "n_latent_recursion": 1},
        **{"T_deep_recursion": 1, "N_supervision": 1},
    }
    data = {
        "train_data": str(write_jsonl(path / "data.jsonl", dialogues(6))),
        "cache_dir": str(path / "cache"),
        "vocab_size": 400,
        "val_split": 0.2,
    }
    fixed = {"checkpoint_dir": str(path / "checkpoints"), "device": "cpu", "num_threads": 1}
    return Config.model_validate({"model": model, "data": data, "training": {**fixed, **training}})


class Told(Silent):
    """A report that keeps the events."""

    def __init__(self, events: list[Record]) -> None:
        self.events = events

    def __call__(self, event: NewEvent) -> None:
        record = msgspec.to_builtins(event)
        del record["seq"], record["t"]  # given when it is written
        self.events.append(record)


def trainer_of(config: Config, events: list[Record]) -> Trainer:
    """A trainer that adds its events to ``events``."""
    prepared = prepare_data(config)
    config = prepared.config
    device = torch.device("cpu")
    model, group = build_model(config, prepared, device), ProcessGroup()
    folder = RunFolder(Path(config.training.checkpoint_dir).parent)
    return Trainer(
        config, model, prepared.train, prepared.val, folder, Told(events), NoCommands(), group
    )
