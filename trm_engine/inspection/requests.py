"""The requests about a model file."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from trm_engine.inspection.evaluation import evaluate
from trm_engine.inspection.facts import describe_file
from trm_engine.inspection.occlusion import occlude
from trm_engine.inspection.parameters import histogram, list_parameters
from trm_engine.inspection.prediction import predict
from trm_engine.inspection.tokens import tokenize
from trm_engine.inspection.vocabulary import list_vocabulary

REQUESTS: dict[str, Callable[..., Struct]] = {
    "open": describe_file,
    "parameters": list_parameters,
    "histogram": histogram,
    "vocabulary": list_vocabulary,
    "tokenize": tokenize,
    "evaluate": evaluate,
    "predict": predict,
    "occlude": occlude,
}
"""Handlers by request name. Each takes the open files, the job, ``path`` and its own arguments."""
