"""Task: what the process that reads a file is told, as one line of JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import msgspec

from trm_engine.data.problems.view import ViewOptions


def task_of(file: Path, options: ViewOptions) -> str:
    """A file and its options as text."""
    return json.dumps([str(file), asdict(options)], default=str)


def options_of(task: str) -> tuple[Path, ViewOptions]:
    """The inverse of ``task_of``."""
    file, options = json.loads(task)
    return Path(file), msgspec.convert(options, ViewOptions, dec_hook=lambda kind, text: kind(text))
