"""``python -m trm_engine.worker``: train a run's folder, or answer on standard output."""

from __future__ import annotations

import argparse
import os
import sys

from trm_engine.memory import limit_kernel_caches
from trm_engine.printable import guard_output

EXIT_INTERRUPTED = 130


def main() -> int:
    """Run the command given; returns the exit status."""
    guard_output()
    arguments = _parser().parse_args()
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def _run(arguments: argparse.Namespace) -> int:
