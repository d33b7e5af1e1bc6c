"""A commented configuration to start from: every setting with what it does."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from trm_engine.config import SET_BY_RUN, Config

STARTER = Path(__file__).with_name("starter.yaml")
"""configs/default.yaml, which is a part of the package by this link."""

HEAD = """\
# A configuration for `trm-tui train`. What is set trains a useful model in minutes on two CPU
# cores. A line such as "#num_layers: 2" is a setting with its default: remove the # to change it.
"""
WIDTH = 98


def starter_config(train_data: str | None = None) -> str:
    """The text of a configuration file. ``train_data`` replaces the built-in conversations."""
    values: dict[str, Any] = yaml.safe_load(STARTER.read_text(encoding="utf-8"))
    if train_data is not None:
        values["data"]["train_data"] = train_data
    return HEAD + "".join(_section(name, values[name]) for name in Config.model_fields)


def _section(name: str, values: dict[str, Any]) -> str:
    fields = type(getattr(Config(), name)).model_fields
    lines = [
        line
        for key, field in fields.items()
        if key not in SET_BY_RUN
        for line in _setting(key, field.description or "", field.default, values)
    ]
    return f"\n{name}:\n" + "".join(f"  {line}\n" for line in lines)


def _setting(key: str, text: str, default: object, values: dict[str, Any]) -> Iterator[str]:
    """What a setting does, and its value or, commented out, its default."""
    yield from (f"# {line}" for line in textwrap.wrap(text, WIDTH - 4))
    written = yaml.safe_dump({key: values.get(key, default)}, allow_unicode=True).strip()
    yield written if key in values else f"#{written}"
