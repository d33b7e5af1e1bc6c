"""A folder held open: its lock cannot be deleted, and its removal is noticed."""

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
    """The folder that a path names now. While it is held, no other folder gets its number."""

    def __init__(self, path: Path) -> None:
        """Hold it.

        Raises:
            OSError: there is no such folder, or it cannot be read.
        """
        self._path = path
        self._descriptor = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._descriptor)

    def is_gone(self) -> bool:
        """Whether it was removed or moved, or another folder has taken its place."""
        try:
            status = os.stat(self._path)
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:  # a network disk may come back
            return False
        return not os.path.samestat(status, os.fstat(self._descriptor))

    def check(self) -> None:
        """Refuse to go on without it.

        Raises:
            RunError: it is gone.
        """
        if self.is_gone():
            raise RunError(GONE.format(self._path))


def lock_folder(path: Path, seconds: float) -> int:
    """Lock a folder until all processes that hold the descriptor returned have closed it.

    Where a disk has no locks of folders, it is not locked.

    Raises:
        TimeoutError: for so long another process has it locked.
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
    """Whether another process has locked what is open here; if not, it is locked from here now."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError as error:
        return isinstance(error, BlockingIOError)
    return False
