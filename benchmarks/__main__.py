"""``python -m benchmarks [NAME ...] [--json FILE]``: run all benchmarks, or those named.

With ``--json`` each benchmark adds a line to FILE, and says what changed since its line before.
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path

from benchmarks import figures

NAMES = (
    "padding",
    "attention",
    "memory",
    "step_memory",
    "training_speed",
    "startup",
    "data_speed",
    "chart",
    "open_run",
    "screen",
    "attached",
    "inspect",
    "playground",
    "serving",
)


def main() -> int:
    """Print each benchmark's rows; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(NAMES)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="add the figures to this file")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in NAMES]
    if unknown:
        print(f"no benchmark '{unknown[0]}'; there are {', '.join(NAMES)}", file=sys.stderr)
        return 2
    for name in arguments.names or NAMES:
        _run(name, arguments.json)
    return 0


def _run(name: str, file: Path | None) -> None:
    module = import_module(f"benchmarks.{name}")
    print(f"\n{name}: {(module.__doc__ or '').splitlines()[0]}")
    rows = []
    for row in module.measure():
        rows.append(row)
        print(f"  {row}", flush=True)
    if file:
        before, after = figures.latest(file, name), figures.record(name, rows)
        figures.append(file, after)
        for line in figures.changes(before, after) if before else ():
            print(f"  changed: {line}")


if __name__ == "__main__":
    sys.exit(main())
