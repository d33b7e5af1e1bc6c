"""Private files: what trm-tui writes for itself, only this user can read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

UMASK = 0o077
FILE_MODE = 0o600


@contextmanager
def private_files() -> Iterator[None]:
    """Files and folders made meanwhile are this user's alone; existing ones keep their mode.

    For runs, settings and kept conversations. A file that somebody asked for at a path of their
    own, such as an export, has the mode that their umask gives.
    """
    before = os.umask(UMASK)
    try:
        yield
    finally:
        os.umask(before)
