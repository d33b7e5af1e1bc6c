"""What must not change between a run's begin and its resumption: settings, data, labels."""

from __future__ import annotations

from pathlib import Path

from trm_engine.checkpoints.file import Checkpoint
from trm_engine.config import Config
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
    "data": {"cache_dir", "tokenizer_path"},  # the tokenizer is in the checkpoint
}
"""Keys that may be edited in a run's config.yaml: what was learnt so far stays what it is."""

FILES = {"train_data": "train", "val_data": "val"}


def refuse_other_settings(config: Config, source: Path, checkpoint: Checkpoint) -> None:
    """Refuse a configuration that would go on with another run than the checkpoint's.

    A data file may have moved if it holds what it held.

    Raises:
        ConfigError: a key in ``source`` has another value; the message names it.
    """
    contents = checkpoint.get("data", {})
    for section, begun in checkpoint["config"].items():
        settings = getattr(config, section, None)
        for key, value in begun.items():
            now = getattr(settings, key, value)
            if now == value or key in MAY_CHANGE[section]:
                continue
            part = FILES.get(key)
            if part and now and value and content_of(Path(now)) == contents.get(part):
                continue
            raise ConfigError(
                f"{source}: {section}.{key} is {now!r}, but the run began with {value!r}; "
                f"put it back, or train a new run"
            )


def refuse_other_processes(path: Path, checkpoint: Checkpoint, processes: int) -> None:
    """An update takes ``batch_size`` samples a process: with more or fewer it is another run.

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
    """Refuse data whose tools, slots or values are not the checkpoint's.

    Raises:
        CheckpointError: they differ.
    """
    if checkpoint["labels"] != labels.to_dict():
        raise CheckpointError(
            f"{path}: made for other tools, slots or values than the training data has now; "
            f"train a new run"
        )
