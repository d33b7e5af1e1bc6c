"""``python -m benchmarks.memory [FILE]``: memory of a training process over its updates.

Resident memory, what of it is the process's own (without mapped files), and how many shapes its
batches have had so far (Linux). The last line holds the curve as JSON.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

from trm_engine.memory import limit_kernel_caches

SHORT = ("data.builtin_conversations=200", "model.hidden_size=64", "training.num_epochs=8")
"""What `make bench` measures."""

Row = dict[str, float]


def measure() -> Iterator[str]:
    """The curve of a short run, in a process of its own."""
    settings = [part for setting in SHORT for part in ("--set", setting)]
    command = [sys.executable, "-m", "benchmarks.memory", *settings]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    yield from result.stdout.splitlines()


def main() -> int:
    """Train, with the worker's bounds; print the curve. Returns the exit status."""
    arguments = _arguments()
    if not arguments.unbounded:
        limit_kernel_caches()
    curve = _train(arguments)
    first = next((row for row in curve if row["epoch"] >= 1), curve[-1])
    later = [row for row in curve if row["update"] >= first["update"]]
    ratios = {
        f"{when}_{name}": round(choose(row[name] for row in later) / first[name], 3)
        for name in ("resident_mb", "own_mb")
        for when, choose in (("end", lambda values: list(values)[-1]), ("highest", max))
    }
    print(json.dumps({"to_end_of_first_epoch": ratios, "curve": curve}))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", help="samples as JSON lines; else built-in ones")
    parser.add_argument("--config", default="configs/default.yaml")
    parser.add_argument("--every", type=int, default=50, help="updates between two rows")
    parser.add_argument("--unbounded", action="store_true", help="as without trm_engine/memory.py")
    parser.add_argument("--set", action="append", default=[], metavar="section.key=value")
    return parser.parse_args()


def _train(arguments: argparse.Namespace) -> list[Row]:
    """Train; print and return a row every so many updates."""
    # They import torch, which reads the bounds once.
    import torch

    from benchmarks.learning import NoCommands
    from trm_engine.config import Config
    from trm_engine.models.layout import Layout
    from trm_engine.models.recursion import RecursiveCore, State
    from trm_engine.runs.events import Silent
    from trm_engine.runs.folder import RunFolder
    from trm_engine.runs.schema.events import NewEvent, StepColumns
    from trm_engine.training import loop
    from trm_engine.training.device import choose_device
    from trm_engine.training.distributed import ProcessGroup
    from trm_engine.training.prepare import build_model, prepare_data

    shapes: set[tuple[torch.Size, ...]] = set()

    class Noting(RecursiveCore):
        """Notes what decides the shapes of a batch's products."""

        def latent_recursion(
            self, x: torch.Tensor, y: torch.Tensor, z: torch.Tensor, at: Layout
        ) -> State:
            shapes.add((x.shape, at.token_bias.shape, at.register_bias.shape, at.readers.shape))
            return super().latent_recursion(x, y, z, at)

    rows: list[Row] = []

    class Rows(Silent):
        def __call__(self, event: NewEvent) -> None:
            if not isinstance(event, StepColumns) or event.columns["step"][-1] % arguments.every:
                return
            update, epoch = (event.columns[name][-1] for name in ("step", "epoch"))
            rows.append({"update": update, "epoch": epoch, **_memory(), "shapes": len(shapes)})
            print("  ".join(f"{name} {value}" for name, value in rows[-1].items()), flush=True)

    data = [f"data.train_data={arguments.file}"] if arguments.file else []
    config = Config.from_yaml(arguments.config, [*data, *arguments.set])
    torch.set_num_threads(config.training.num_threads or torch.get_num_threads())
    device = choose_device(config.training.device)
    prepared = prepare_data(config)
    config = prepared.config
    model = build_model(config, prepared, device)
    model.core.__class__ = Noting
    unbounded: AbstractContextManager[Any] = nullcontext()
    if arguments.unbounded:
        unbounded = patch.object(loop, "return_free_memory", lambda: None)
    with tempfile.TemporaryDirectory() as temporary, unbounded:
        folder = RunFolder(Path(temporary))
        folder.checkpoints(config).mkdir(parents=True)
        group = ProcessGroup()
        parts = (config, model, prepared.train, prepared.val, folder, Rows(), NoCommands(), group)
        loop.Trainer(*parts).run()
    return rows


def _memory() -> Row:
    """Megabytes resident, and of them the process's own: no file holds them."""
    status = Path("/proc/self/status").read_text()
    found = dict(re.findall(r"^(\w+):\s*(\d+) kB", status, re.MULTILINE))
    names = {"resident_mb": "VmRSS", "own_mb": "RssAnon"}
    return {name: int(found[field]) // 1024 for name, field in names.items()}


if __name__ == "__main__":
    sys.exit(main())
