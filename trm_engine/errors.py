"""Errors that are the user's to mend: one clear message, exit status 2, never a traceback."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

LONGEST_NAME = 200
"""Characters compared with known names; comparing takes time by the square of it."""


class UserError(Exception):
    """What the user gave cannot be used; the message says where and what was expected."""


class ConfigError(UserError):
    """A configuration file or option is wrong."""


class DataError(UserError):
    """A data file is wrong."""


class TokenizerError(UserError):
    """A tokenizer cannot be trained or used."""


class CheckpointError(UserError):
    """A checkpoint cannot be read or does not fit."""


class RunError(UserError):
    """A run's folder cannot be used."""


class LostProcess(RunError):
    """Another process of a training has ended."""


class Abort(Exception):
    """A run was asked to end at once; no error."""


class WorkerError(Exception):
    """The worker failed at a question, or died; ``details`` is its traceback or its last words."""

    def __init__(self, message: str, details: str = "") -> None:
        super().__init__(message)
        self.details = details


def in_words(error: OSError) -> str:
    """What the system refused, and of which file."""
    if error.filename is None:
        return error.strerror or str(error)
    name = "a file" if isinstance(error.filename, int) else os.fsdecode(error.filename)
    return f"{shortened(name)}: {error.strerror or error}"


def shortened(message: str) -> str:
    """The message with the middle of very long names left out."""
    return re.sub(r"\S{300,}", lambda found: f"{found[0][:60]}…{found[0][-60:]}", message)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `` (did you mean 'x'?)`` for the known name nearest to ``name``, or nothing."""
    import difflib  # slow to import, and seldom needed

    nearest = difflib.get_close_matches(name[:LONGEST_NAME], list(known), n=1, cutoff=0.6)
    return f" (did you mean '{nearest[0]}'?)" if nearest else ""


def no_such_file(path: str | Path, pattern: str) -> str:
    """Say that ``path`` is missing and what the file of the nearest name beside it is."""
    folder = Path(path).parent
    beside = [other.name for other in folder.glob(pattern)] if folder.is_dir() else []
    return f"{path}: no such file{did_you_mean(Path(path).name, beside)}"
