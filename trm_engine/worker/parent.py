"""Ends a worker together with the process that it works for."""

from __future__ import annotations

import os
import threading
import time

LOOK_SECONDS = 0.5
STATUS = 1


def end_with(parent: int) -> None:
    """Start a thread that ends this process when ``parent`` is no longer its parent."""
    threading.Thread(target=_watch, args=(parent,), name="parent", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_SECONDS)
    os._exit(STATUS)
