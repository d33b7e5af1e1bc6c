"""Task: what the process that reads a file is told, as one line of JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path

from trm_engine.data.problems.view import ViewOptions

PATHS = ("against", "tokenizer", "cache", "errors")


def task_of(file: Path, options: ViewOptions) -> str:
    """A file and its options as text."""
    values = {
        name: str(value) if isinstance(value, Path) else value
        for name, value in asdict(options).items()
    }
    return json.dumps({"file": str(file), **values})


def options_of(task: str) -> tuple[Path, ViewOptions]:
    """The inverse of ``task_of``."""
    values = json.loads(task)
    known = {each.name: values[each.name] for each in fields(ViewOptions)}
    for name in PATHS:
        known[name] = Path(known[name]) if known[name] is not None else None
    return Path(values["file"]), ViewOptions(**known)
