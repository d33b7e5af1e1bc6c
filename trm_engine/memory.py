"""Memory of a process that works for long: bounds for what libraries keep. Imports no torch."""

from __future__ import annotations

import ctypes
import os
from functools import cache

KERNEL_CACHES = {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "64", "LRU_CACHE_CAPACITY": "64"}
"""Kernels that oneDNN and PyTorch's layer over it keep, by environment variable; 1024 each if not
set. A bf16 kernel takes about 0.5 MB of the heap and is made for one shape, in half a millisecond.
Training meets new shapes all the time. Many kernels that live long lie between tensors of every
size and split the free memory: with 512 a run grew by a fifth after its first epoch, and by two
thirds on long conversations; with 64 it stays flat, at the same speed (benchmarks/memory.py)."""

TRIM_INTERVAL = 100
"""Updates between calls of ``return_free_memory``. One call costs 0.2 s, with the page faults that
follow: 0.4 % of the time of 100 updates."""


def limit_kernel_caches() -> None:
    """Bound the kernel caches, unless the user did. Must precede the import of torch."""
    for name, capacity in KERNEL_CACHES.items():
        os.environ.setdefault(name, capacity)


def return_free_memory() -> None:
    """Give the heap's free pages back to the system; does nothing without glibc.

    Kernels are made and dropped among tensors that come and go, so the heap falls into ever more
    free pieces, each too small for the next tensor, and would grow without end.
    """
    if trim := _malloc_trim():
        trim(0)


@cache
def _malloc_trim() -> ctypes._NamedFuncPointer | None:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # not glibc; TypeError: Windows
        return None
