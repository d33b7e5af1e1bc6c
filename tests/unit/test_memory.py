"""Memory: what a process that works for long keeps is bounded."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from tests.models import small_config, small_model
from tests.trainers import tiny_config, trainer_of
from trm_engine.memory import KERNEL_CACHES, TRIM_INTERVAL
from trm_engine.models.layout import Context
from trm_engine.training import loop
from trm_engine.vocabulary import FIRST_MARKER_ID
from trm_engine.worker import __main__ as worker

TASKS = {
    "start": ["train", "run"],
    "serve": ["serve"],
    "evaluate": ["eval", "checkpoint.pt", "data.jsonl"],
    "infer": ["predict", "checkpoint.pt", "-"],
}

KERNELS = """
import torch
weight = torch.ones(8, 8)
for rows in [*range(1, 20), 1]:
    torch.ops.aten.mkldnn_linear(torch.ones(rows, 8).to_mkldnn(), weight)
"""
"""Runs a kernel of oneDNN for 19 shapes, and for the first of them once more."""

HEAP = """
import re
from pathlib import Path
from trm_engine.memory import return_free_memory

def resident():
    return int(re.search(r"RssAnon:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]) >> 10

before = resident()
blocks = [b"x" * 100_000 for _ in range(2000)]
blocks = blocks[::50]
held = resident() - before
return_free_memory()
print(held, resident() - before)
"""
"""Frees 49 of 50 blocks of a heap of 200 MB; prints the MB held before and after the call."""


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in KERNEL_CACHES:
        monkeypatch.setenv(name, "")  # restored afterwards, whatever the test sets
        monkeypatch.delenv(name)


def run_worker(monkeypatch: pytest.MonkeyPatch, task: str) -> dict[str, str | None]:
    """The kernel caches as a task finds them when its module, and torch with it, is imported."""
    found: dict[str, str | None] = {}

    def record(*_: Any) -> int:
        found.update({name: os.environ.get(name) for name in KERNEL_CACHES})
        return 0

    names = ("train_run", "serve", "evaluate_file", "predict_lines")
    module = SimpleNamespace(**dict.fromkeys(names, record))
    monkeypatch.setitem(sys.modules, f"trm_engine.worker.{task}", module)  # type: ignore[arg-type]
    monkeypatch.setattr(sys, "argv", ["worker", *TASKS[task]])
    assert worker.main() == 0
    return found


@pytest.mark.parametrize("task", TASKS)
def test_every_worker_bounds_the_kernels_it_keeps(
    monkeypatch: pytest.MonkeyPatch, task: str
) -> None:
    assert run_worker(monkeypatch, task) == KERNEL_CACHES


def test_bounds_that_the_user_set_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    name = next(iter(KERNEL_CACHES))
    monkeypatch.setenv(name, "7")
    assert run_worker(monkeypatch, "start") == {**KERNEL_CACHES, name: "7"}


def test_the_worker_bounds_them_before_it_imports_torch() -> None:
    code = "import sys, trm_engine.worker.__main__; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="needs a torch with oneDNN")
@pytest.mark.parametrize(("capacity", "found"), [("8", "cache_miss"), ("512", "cache_hit")])
def test_torch_keeps_as_many_kernels_as_the_environment_says(capacity: str, found: str) -> None:
    bounds = dict.fromkeys(KERNEL_CACHES, capacity)
    environment = {**os.environ, **bounds, "ONEDNN_VERBOSE": "all"}
    command = [sys.executable, "-c", KERNELS]
    result = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    made = [line for line in result.stdout.splitlines() if "create" in line]
    products = [line for line in made if "inner_product" in line]
    assert found in products[-1]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_free_memory_between_blocks_in_use_goes_back_to_the_system() -> None:
    command = [sys.executable, "-c", HEAP]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    held, left = map(int, result.stdout.split())
    assert held > 150
    assert left < 50


def test_training_gives_free_memory_back_every_so_many_updates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    updates = 2 * TRIM_INTERVAL + 5
    rare = {"log_interval": 10_000, "eval_interval": 10_000, "save_interval": 10_000}
    trained = trainer_of(tiny_config(tmp_path, num_epochs=1000, max_steps=updates, **rare), [])
    called_at: list[int] = []
    monkeypatch.setattr(loop, "return_free_memory", lambda: called_at.append(trained.moment.step))
    monkeypatch.setattr(trained, "_update", lambda _: count_update(trained))
    monkeypatch.setattr(trained, "_note", lambda _: None)
    monkeypatch.setattr(trained, "_evaluate_once", lambda: None)
    monkeypatch.setattr(trained, "_save", lambda *_: None)
    trained.run()
    assert called_at == [TRIM_INTERVAL, 2 * TRIM_INTERVAL]


def count_update(trained: loop.Trainer) -> None:
    """An update that does nothing but count."""
    trained.state.global_step += 1
    trained.state.position += 1


class Products(TorchDispatchMode):
    """Notes the shapes of the bf16 products of two matrices."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: set[tuple[torch.Size, ...]] = set()

    def __torch_dispatch__(self, call: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if call.overloadpacket is torch.ops.aten.mm and args[0].dtype == torch.bfloat16:
            self.shapes.add(tuple(each.shape for each in args[:2]))
        return call(*args, **(kwargs or {}))


def products_of(batch: int, length: int) -> tuple[int, set[tuple[torch.Size, ...]]]:
    """Positions of a batch of conversations, and the shapes of the core's products on it."""
    model = small_model(small_config())
    model.compute_dtype = torch.bfloat16
    ids = torch.full((batch, length), FIRST_MARKER_ID)
    context: Context = model.embedding(
        model.read(), ids, torch.ones_like(ids), torch.zeros_like(ids)
    )
    with Products() as products:
        y, _ = model.refine(context, model.start(context))
        y.float().sum().backward()
    return len(context.x), products.shapes


def test_batches_of_one_rounded_size_share_the_kernels_of_all_layers() -> None:
    positions, shapes = products_of(4, 80)
    others, other_shapes = products_of(6, 48)
    assert positions == others
    assert shapes == other_shapes
    assert shapes
