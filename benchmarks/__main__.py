"""``python -m benchmarks [NAME ...]``: run all benchmarks, or those named."""

from __future__ import annotations

import sys
from importlib import import_module

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
)


def main() -> int:
    """Print each benchmark's rows; returns the exit status."""
    chosen = sys.argv[1:] or NAMES
    unknown = [name for name in chosen if name not in NAMES]
    if unknown:
        print(f"no benchmark '{unknown[0]}'; there are {', '.join(NAMES)}", file=sys.stderr)
        return 2
    for name in chosen:
        module = import_module(f"benchmarks.{name}")
        print(f"\n{name}: {(module.__doc__ or '').splitlines()[0]}")
        for row in module.measure():
            print(f"  {row}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
