"""A job for the tests of parts, in a module that a process of its own can import."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trm_engine.data.cache import ArrayWriter
from trm_engine.data.parts import Done

BORDERS = {"borders": "digits"}


@dataclass(frozen=True)
class Squares:
    """Writes the square of each row, and its digits.

    It fails in the process ``fails_in``, and in all others than ``fails_outside``.
    """

    fails_in: int = 0
    fails_outside: int = 0

    def __call__(self, rows: range, folder: Path, done: Done) -> None:
        if os.getpid() == self.fails_in or self.fails_outside not in (0, os.getpid()):
            raise ValueError("asked to fail")
        end = 0
        with ArrayWriter(folder) as arrays:
            for row in rows:
                digits = np.array(list(map(int, str(row))), dtype=np.uint8)
                arrays.append("square", np.array([row * row], dtype=np.int64))
                arrays.append("digits", digits)
                arrays.append("borders", np.array([[end, end + len(digits)]], dtype=np.int64))
                arrays.append("nothing", np.empty((1, 0), dtype=np.int64))
                end += len(digits)
                done(row - rows.start + 1)
