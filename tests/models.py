"""What tests of the model share: small models, batches, checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from trm_engine.checkpoints.file import FORMAT_VERSION, save_atomically
from trm_engine.config import Config, TRMConfig
from trm_engine.data.catalogue_tokens import CatalogueTokens
from trm_engine.data.collator import Batch, TRMCollator
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.data.encoding import INPUTS
from trm_engine.data.labels import Labels
from trm_engine.models import EMA, TRMForToolCalling, TRMOutput

SMALL: dict[str, Any] = {
    "hidden_size": 32,
    "num_layers": 1,
    "num_heads": 2,
    "vocab_size": 400,
    "n_latent_recursion": 2,
    "T_deep_recursion": 2,
    "N_supervision": 3,
}


def small_config(labels: Labels | None = None, **changes: Any) -> TRMConfig:
    """A model's configuration that a CPU runs in milliseconds."""
    sizes = labels.sizes() if labels else {}
    return TRMConfig(**{**SMALL, **sizes, **changes})


def fitted_config(dataset: TRMToolCallingDataset, **changes: Any) -> TRMConfig:
    """The same for a dataset's labels and tokenizer, as training makes it."""
    return small_config(dataset.labels, vocab_size=dataset.tokenizer.vocab_size, **changes)


def small_model(config: TRMConfig, seed: int = 0, spread: float = 1.0) -> TRMForToolCalling:
    """A model with random weights, biases and the head of q included."""
    torch.manual_seed(seed)
    model = TRMForToolCalling(config)
    with torch.no_grad():
        for bias in (model.heads.decision.register.bias, model.heads.q.bias, model.heads.q.weight):
            bias.normal_(std=spread)
    return model


def reading_model(
    dataset: TRMToolCallingDataset, seed: int = 0, spread: float = 1.0, **changes: Any
) -> TRMForToolCalling:
    """The same, fitted to a dataset, whose tools, slots and arguments it reads."""
    model = small_model(fitted_config(dataset, **changes), seed, spread)
    model.catalogue = CatalogueTokens.of(dataset.labels, dataset.tokenizer)
    return model


def batch_of(dataset: TRMToolCallingDataset, indices: Sequence[int]) -> Batch:
    """The samples at ``indices`` as one batch."""
    return TRMCollator()([dataset[index] for index in indices])


def inputs_of(batch: Batch) -> dict[str, Tensor]:
    """What the model reads of a batch."""
    return {name: batch[name] for name in INPUTS if name in batch}


def tensors_of(output: TRMOutput) -> dict[str, Tensor]:
    """The tensors of an output, by name."""
    values = {each.name: getattr(output, each.name) for each in fields(output)}
    return {name: value for name, value in values.items() if isinstance(value, Tensor)}


def checkpoint_of(
    model: TRMForToolCalling, dataset: TRMToolCallingDataset, ema: EMA | None = None, step: int = 1
) -> dict[str, Any]:
    """What a checkpoint of this model holds."""
    config = Config(model=model.config)
    config.data.max_length = dataset.max_length
    return {
        "format_version": FORMAT_VERSION,
        "model_state_dict": model.state_dict(),
        "ema_state_dict": ema.state_dict() if ema else None,
        "global_step": step,
        "epoch": 0,
        "config": config.to_dict(),
        "labels": dataset.labels.to_dict(),
        "tokenizer": dataset.tokenizer.model_bytes,
    }


TRAINING: dict[str, Any] = {
    "optimizer_state_dict": {"state": {}, "param_groups": []},
    "scheduler_state_dict": {"last_epoch": 0, "base_lrs": [], "_last_lr": []},
    "rng_state": {"cpu": torch.get_rng_state()},
    "data_state": {"epoch": 0, "position": 0, "evaluated_at": -1, "elapsed": 0.0},
}
"""What training reads of a checkpoint to go on, as short as can be."""


def saved(path: Path, **contents: Any) -> Path:
    """A file with the required keys of a checkpoint, and ``contents``."""
    plain = {
        "format_version": FORMAT_VERSION,
        "model_state_dict": {"weight": torch.arange(1000.0)},
        "config": {},
        "labels": {},
        "tokenizer": b"model",
        "global_step": 0,
        **TRAINING,
    }
    save_atomically({**plain, **contents}, path)
    return path
