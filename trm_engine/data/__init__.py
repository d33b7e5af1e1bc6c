"""Data: samples, tokenizer, labels, dataset, batches. Imports torch only when needed."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trm_engine.data.collator import TRMCollator, create_dataloader
    from trm_engine.data.dataset import TRMToolCallingDataset
    from trm_engine.data.labels import Labels
    from trm_engine.data.samples import Sample
    from trm_engine.data.tokenizer import TRMTokenizer

_HOMES = {
    "Labels": "labels",
    "Sample": "samples",
    "TRMCollator": "collator",
    "TRMTokenizer": "tokenizer",
    "TRMToolCallingDataset": "dataset",
    "create_dataloader": "collator",
}

__all__ = [
    "Labels",
    "Sample",
    "TRMCollator",
    "TRMTokenizer",
    "TRMToolCallingDataset",
    "create_dataloader",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
