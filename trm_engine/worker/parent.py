"""A worker that serves another process ends with it, whatever it is doing."""

from __future__ import annotations

import os
import threading
import time

LOOK_SECONDS = 0.5
STATUS = 1


def end_with(parent: int) -> None:
    """End this process, from a thread, as soon as process ``parent`` is no longer its parent."""
    threading.Thread(target=_watch, args=(parent,), name="parent", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_SECONDS)
    os._exit(STATUS)
