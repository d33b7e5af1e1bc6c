"""Seconds until ``trm-tui --help`` has printed, against a bare Python that imports typer."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

from benchmarks.setup import seconds


def measure() -> Iterator[str]:
    """One row."""
    times = seconds(
        {
            "help": lambda: _run("-m", "trm_tui", "--help"),
            "typer": lambda: _run("-c", "import typer"),
        }
    )
    yield (
        f"--help {times['help']:.2f} s, import typer {times['typer']:.2f} s: "
        f"{times['help'] / times['typer']:.2f} x"
    )


def _run(*arguments: str) -> None:
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
