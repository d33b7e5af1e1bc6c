"""Errors that the user can fix: one clear message, exit status 2, no traceback."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

LONGEST_NAME = 200
"""Number of characters compared with known names. The time grows with its square."""


class UserError(Exception):
    """The user's input cannot be used. The message says where, and what was expected."""


class ConfigError(UserError):
    """A configuration file or option is invalid."""


class DataError(UserError):
    """A data file is invalid."""


class TokenizerError(UserError):
    """A tokenizer cannot be trained or used."""


class CheckpointError(UserError):
    """A checkpoint cannot be read or does not fit."""


class RunError(UserError):
    """A run's folder cannot be used."""


class LostProcess(RunError):
    """Another process of a distributed training has ended."""


class Abort(Exception):
    """A run was aborted by the user. This is not an error."""


class WorkerError(Exception):
    """A request failed in the worker, or the worker died. ``details``: its traceback or output."""

    def __init__(self, message: str, details: str = "") -> None:
        super().__init__(message)
        self.details = details


def in_words(error: OSError) -> str:
    """The system's message and the file."""
    if error.filename is None:
        return error.strerror or str(error)
    name = "a file" if isinstance(error.filename, int) else os.fsdecode(error.filename)
    return f"{shortened(name)}: {error.strerror or error}"


def shortened(message: str) -> str:
    """The message with very long names shortened in the middle."""
    return re.sub(r"\S{300,}", lambda found: f"{found[0][:60]}…{found[0][-60:]}", message)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`` (did you mean 'x'?)`` for the known name that is most similar, or ""."""
    import difflib  # slow to import, and seldom needed

    nearest = difflib.get_close_matches(name[:LONGEST_NAME], list(known), n=1, cutoff=0.6)
    return f" (did you mean '{nearest[0]}'?)" if nearest else ""


def no_such_file(path: str | Path, pattern: str) -> str:
    """A message that ``path`` is missing, with the most similar name in its folder."""
    folder = Path(path).parent
    beside = [other.name for other in folder.glob(pattern)] if folder.is_dir() else []
    return f"{path}: no such file{did_you_mean(Path(path).name, beside)}"
