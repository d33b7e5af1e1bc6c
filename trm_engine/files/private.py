"""Private files: only this user can read what trm-tui writes for itself."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

UMASK = 0o077
FILE_MODE = 0o600


@contextmanager
def private_files() -> Iterator[None]:
    """Make files and folders that only this user can read; existing ones keep their mode.

    It is for runs, settings and kept conversations. Files that a user asks for, such as an export,
    have the mode that the umask gives.
    """
    before = os.umask(UMASK)
    try:
        yield
    finally:
        os.umask(before)
