"""Small real runs for end-to-end tests: a worker process, its folder, what it left there."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import torch

from tests.events import Record, read_events, step_columns
from tests.support import ROOT, dialogues, write_jsonl
from trm_engine.checkpoints.file import load_checkpoint
from trm_engine.config import Config
from trm_engine.runs.folder import RunFolder
from trm_engine.runs.launch import start_worker

SECONDS = 300.0
LEARNT = (
    "model_state_dict",
    "ema_state_dict",
    "optimizer_state_dict",
    "scheduler_state_dict",
    "global_step",
    "epoch",
    "metrics",
)
UNREPEATED = ("time", "samples_per_s", "tokens_per_s", "memory")


def tiny_run(folder: Path, **training: Any) -> tuple[RunFolder, Config]:
    """A folder with a configuration that trains a tiny model in seconds on one thread."""
    data = write_jsonl(folder.parent / "tiny.jsonl", dialogues(16))
    settings = {
        "batch_size": 4,
        "learning_rate": 1e-3,
        "warmup_steps": 5,
        "num_epochs": 50,
        "max_steps": 40,
        "log_interval": 5,
        "eval_interval": 20,
        "save_interval": 17,
        "num_threads": 1,
        "device": "cpu",
        **training,
    }
    config = Config.model_validate(
        {
            "model": {
                "hidden_size": 16,
                "num_heads": 2,
                "num_layers": 1,
                "n_latent_recursion": 1,
                "T_deep_recursion": 2,
                "N_supervision": 2,
                "word_weight": 0.25 if training.get("word_dropout") else 0.0,
            },
            "training": settings,
            "data": {
                "train_data": str(data),
                "val_split": 0.2,
                "vocab_size": 400,
                "cache_dir": str(folder.parent / "cache"),
            },
        }
    )
    run = RunFolder(folder)
    run.create()
    config.to_yaml(run.config)
    return run, config


def shipped_run(folder: Path, name: str, *settings: str) -> tuple[RunFolder, Config]:
    """A shipped configuration, but with a small network, little data and few updates."""
    smaller: dict[str, Any] = {
        "model.hidden_size": 32,
        "model.num_heads": 2,
        "model.num_layers": 1,
        "model.N_supervision": 2,
        "model.n_latent_recursion": 1,
        "model.T_deep_recursion": 1,
        "training.compile": "false",  # compiled kernels add up in another order
        "training.dtype": "float32",
        "training.device": "cpu",
        "training.num_threads": 1,
        "training.max_steps": 12,
        "training.warmup_steps": 4,
        "training.deep_share": 0.5,
        "data.builtin_conversations": 60,
        "data.cache_dir": folder.parent / "cache",
    }
    given = [f"{key}={value}" for key, value in smaller.items()]
    config = Config.from_yaml(ROOT / "configs" / name, [*given, *settings])
    run = RunFolder(folder)
    run.create()
    config.to_yaml(run.config)
    return run, config


def finish(run: RunFolder, config: Config, resume: bool = False) -> list[Record]:
    """Train to the end; returns the events."""
    worker = start_worker(run, resume=resume)
    assert worker.wait(timeout=SECONDS) == 0, run.log.read_text()
    return read_events(run.events)


def wait_for(
    run: RunFolder, event_type: str, worker: subprocess.Popen[bytes], **content: Any
) -> Record:
    """The first event of that kind and content, as soon as it is there."""
    return wait_for_event(run, event_type, content, worker=worker)


def wait_for_event(
    run: RunFolder,
    event_type: str,
    content: Record,
    after: int = -1,
    worker: subprocess.Popen[bytes] | None = None,
) -> Record:
    """The first event of that kind and content after event ``after``, unless the worker ends."""
    until, size = time.monotonic() + SECONDS, -1
    while time.monotonic() < until:
        is_over = worker is not None and worker.poll() is not None
        seen, size = size, run.events.stat().st_size if run.events.exists() else 0
        for event in read_events(run.events) if size != seen else ():
            is_wanted = event["type"] == event_type and event["seq"] > after
            if is_wanted and content.items() <= event.items():
                return event
        assert not is_over, run.log.read_text()
        time.sleep(0.02)
    raise AssertionError(f"no {event_type} event {content} after {SECONDS} s")


def kill_group(worker: subprocess.Popen[bytes]) -> None:
    """kill -9 the worker and its children."""
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()


def last_checkpoint(run: RunFolder) -> dict[str, Any]:
    """What the run saved last."""
    return load_checkpoint(run.path / "checkpoints" / "last.pt")


def learning_columns(events: list[Record]) -> dict[str, list[Any]]:
    """The columns of the updates that count, without those that two runs do not share."""
    columns = step_columns(events)
    return {name: values for name, values in columns.items() if name not in UNREPEATED}


def assert_same(one: Any, other: Any, where: str = "") -> None:
    """Whether two states are equal bit for bit."""
    assert type(one) is type(other), where
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other), where
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            assert_same(one[key], other[key], f"{where}.{key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), where
        for index, (left, right) in enumerate(zip(one, other, strict=True)):
            assert_same(left, right, f"{where}[{index}]")
    else:
        assert one == other, where
