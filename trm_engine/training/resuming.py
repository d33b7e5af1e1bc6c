"""Resuming: what must not change between the start of a run and its resumption."""

from __future__ import annotations

from pathlib import Path

from trm_engine.checkpoints.parts import Checkpoint
from trm_engine.config import Config
from trm_engine.data.as_samples import ConvertOptions
from trm_engine.data.labels import Labels
from trm_engine.errors import CheckpointError, ConfigError
from trm_engine.training.prepare import content_of

MAY_CHANGE = {
    "model": set[str](),
    "training": {
        "output_dir",
        "checkpoint_dir",
        "device",
        "num_threads",
        "compile",
        "nproc_per_node",
        "best_metric",
        "num_epochs",
        "max_steps",
        "log_interval",
        "eval_interval",
        "save_interval",
        "keep_checkpoints",
    },
    # The tokenizer is in the checkpoint; the tools are in the samples, which are compared.
    "data": {"cache_dir", "tokenizer_path", "tools"},
}
"""Keys that may be edited in a run's config.yaml: they do not affect what was learnt."""

FILES = {"train_data": "train", "val_data": "val"}


def refuse_other_settings(config: Config, source: Path, checkpoint: Checkpoint) -> None:
    """Check that the settings that matter are those that the run began with.

    A data file may have another path if its content is the same.

    Raises:
        ConfigError: a key in ``source`` has another value; the message names it.
    """
    contents, labels = checkpoint.get("data", {}), Labels.from_dict(checkpoint["labels"])
    options = {
        "train": ConvertOptions.of(config.data),
        "val": ConvertOptions.of(config.data, labels),
    }
    for section, begun in checkpoint["config"].items():
        settings = getattr(config, section, None)
        for key, value in begun.items():
            now = getattr(settings, key, value)
            if now == value or key in MAY_CHANGE[section]:
                continue
            part = FILES.get(key)
            if (
                part
                and now
                and value
                and content_of(Path(now), options[part]) == contents.get(part)
            ):
                continue
            raise ConfigError(
                f"{source}: {section}.{key} is {now!r}, but the run began with {value!r}; "
                f"put it back, or train a new run"
            )


def refuse_other_processes(path: Path, checkpoint: Checkpoint, processes: int) -> None:
    """Check that the number of processes is the same: an update has ``batch_size`` samples of each.

    Raises:
        CheckpointError: the checkpoint's run had another number of processes.
    """
    before = checkpoint["data_state"].get("processes", processes)
    if before != processes:
        raise CheckpointError(
            f"{path}: trained by {before} processes, now there are {processes}, which would change "
            f"the samples of an update; resume with training.nproc_per_node={before}"
        )


def refuse_other_labels(path: Path, checkpoint: Checkpoint, labels: Labels) -> None:
    """Check that the data has the tools, slots and values that the run began with.

    Raises:
        CheckpointError: they differ.
    """
    if checkpoint["labels"] != labels.to_dict():
        raise CheckpointError(
            f"{path}: made for other tools, slots or values than the training data has now; "
            f"train a new run"
        )
