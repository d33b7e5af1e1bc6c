"""Parts of a checkpoint that need no torch: its settings, and how their problems are told."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from trm_engine.config import DataConfig
from trm_engine.data.tokenizer import Limits
from trm_engine.field_problems import in_our_words

LONGEST_SHOWN = 100

Checkpoint = dict[str, Any]
Path = tuple[str, ...]


def token_limits(config: dict[str, Any]) -> Limits:
    """The most tokens of a conversation and of its tools, from a checkpoint's ``config``.

    Raises:
        ValueError: the configuration has no such settings.
    """
    names = ("max_length", "max_tool_tokens")  # older checkpoints have the first one only
    given = config.get("data", {})
    if names[0] not in given:
        raise ValueError("data.max_length is missing from its configuration")
    data = DataConfig.model_validate({name: given[name] for name in names if name in given})
    return data.max_length, data.max_tool_tokens


def explained(error: ValidationError) -> str:
    """The first problem, on one line."""
    problem = error.errors(include_url=False, include_input=False)[0]
    where = shown(tuple(map(str, problem["loc"])))
    message = in_our_words(problem)[: 2 * LONGEST_SHOWN]
    return f"{where}: {message}" if where else message


def shown(path: Path) -> str:
    """A path as ``a.b.c``, shortened."""
    text = ".".join(path)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."
