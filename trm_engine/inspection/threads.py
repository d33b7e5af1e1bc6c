"""How many threads answer one conversation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def half_the_threads() -> Iterator[None]:
    """Half of the threads, for what is little work and somebody waits for.

    Threads meet after every operation: one that waits for a core, as the screen has it, holds up
    all others.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(max(threads // 2, 1))
    try:
        yield
    finally:
        torch.set_num_threads(threads)
