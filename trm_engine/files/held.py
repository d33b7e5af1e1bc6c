"""Held folders: kept open, so that their lock cannot be deleted and their removal is noticed."""

from __future__ import annotations

import fcntl
import os
import time
import weakref
from pathlib import Path

from trm_engine.errors import RunError

GONE = "{}: the run's folder is gone: it was removed, moved or replaced"
RETRY_SECONDS = 0.01


class HeldFolder:
    """The folder that a path names now. While it is held, no other folder gets its inode number."""

    def __init__(self, path: Path) -> None:
        """Hold it.

        Raises:
            OSError: there is no such folder, or it cannot be read.
        """
        self._path = path
        self._descriptor = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._descriptor)

    def is_removed(self) -> bool:
        """Whether it was removed or moved, or another folder has taken its place."""
        try:
            status = os.stat(self._path)
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:  # a network disk may come back
            return False
        return not os.path.samestat(status, os.fstat(self._descriptor))

    def check(self) -> None:
        """Check that it is still there.

        Raises:
            RunError: it is gone.
        """
        if self.is_removed():
            raise RunError(GONE.format(self._path))


def lock_folder(path: Path, seconds: float) -> int:
    """Lock a folder. The lock lasts until every process with the returned descriptor has closed it.

    A file system without locks for folders is left unlocked.

    Raises:
        TimeoutError: another process has had it locked for ``seconds``.
        OSError: it cannot be opened.
    """
    descriptor = os.open(path, os.O_RDONLY)
    until = time.monotonic() + seconds
    while is_locked(descriptor, fcntl.LOCK_EX):
        if time.monotonic() > until:
            os.close(descriptor)
            raise TimeoutError
        time.sleep(RETRY_SECONDS)
    return descriptor


def is_locked(descriptor: int, kind: int = fcntl.LOCK_SH) -> bool:
    """Whether another process has a lock on an open file; if not, lock it."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError as error:
        return isinstance(error, BlockingIOError)
    return False
