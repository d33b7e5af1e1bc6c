"""A current folder that belongs to others: nothing that lies in it is run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.viewers import tiny_config
from tests.faults.command import Ended
from tests.support import dialogue, write_jsonl

SECONDS = 300.0
TRM_TUI = Path(sys.executable).with_name("trm-tui")
LIBRARIES = (
    *("filelock", "msgspec", "numpy", "platformdirs", "plotext", "psutil", "pydantic", "rich"),
    *("sentencepiece", "textual", "torch", "trm_engine", "typer", "typing_extensions", "yaml"),
)
CUSTOMS = ("sitecustomize", "usercustomize")


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A folder of Python files and of a git repository that note it when they are run."""
    folder = tmp_path / "hostile"
    folder.mkdir()
    noted = tmp_path / "noted"
    note = f"with open({str(noted)!r}, 'a') as file: file.write(__file__)"
    for name in (*sys.stdlib_module_names, *LIBRARIES, *CUSTOMS):
        (folder / f"{name}.py").write_text(f"{note}\nraise ImportError\n")
    _lay_git_trap(folder, noted)
    return folder


def _lay_git_trap(folder: Path, noted: Path) -> None:
    trap = folder / "trap"
    trap.write_text(f"#!/bin/sh\necho git >> '{noted}'\n")
    trap.chmod(0o755)
    (folder / ".git" / "objects").mkdir(parents=True)
    (folder / ".git" / "refs" / "heads").mkdir(parents=True)
    (folder / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (folder / ".git" / "refs" / "heads" / "main").write_text("0123456789" * 4 + "\n")
    settings = "".join(f"\t{name} = {trap}\n" for name in ("fsmonitor", "pager", "hooksPath"))
    (folder / ".git" / "config").write_text(f"[core]\n{settings}")


def run(command: list[object], folder: Path) -> Ended:
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    cache = {"XDG_CACHE_HOME": str(folder.parent / "cache"), "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env={**environment, **cache},
        input=json.dumps({"history": [{"role": "user", "content": "hello"}]}),
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


TWO = ("--set", "training.nproc_per_node=2")
TRAINED: tuple[object, ...] = ("train", "../tiny.yaml", *TWO, "--output-dir", "run")
COMMANDS: tuple[tuple[object, ...], ...] = (
    ("inspect", "run", "--data", "val.jsonl", "--json"),
    ("data", "check", "val.jsonl"),
)
ALIKE: tuple[tuple[object, ...], ...] = (
    ("train", "../tiny.yaml", "--output-dir", "alone"),
    ("eval", "run", "val.jsonl", "--json"),
    ("predict", "run", "-"),
    ("playground", "run", "--plain"),
    ("watch", "run", "--plain"),
)
"""Commands that start the same processes as others do."""


@pytest.mark.skipif(not TRM_TUI.exists(), reason="the trm-tui command is not installed")
@pytest.mark.parametrize("commands", [COMMANDS, pytest.param(ALIKE, marks=pytest.mark.slow)])
def test_no_command_runs_what_lies_in_the_current_folder(
    hostile: Path, commands: tuple[tuple[object, ...], ...]
) -> None:
    tiny_config(hostile.parent, max_steps=2, eval_interval=100, save_interval=100)
    write_jsonl(hostile / "val.jsonl", dialogue(0))
    for command in (TRAINED, *commands):
        ended = run([TRM_TUI, *command], hostile)
        assert ended.status == 0, (command, ended.out, ended.err)
        noted = hostile.parent / "noted"
        assert not noted.exists(), (command, noted.read_text())
    started = (hostile / "run" / "events.jsonl").read_text()
    assert '"git_revision":"0123456' not in started  # that of the program, not of the data's folder


def test_the_module_run_by_name_imports_no_library_from_the_current_folder(hostile: Path) -> None:
    for name in sys.stdlib_module_names:
        (hostile / f"{name}.py").unlink()  # Python itself imports these before any of our code
    ended = run([sys.executable, "-m", "trm_tui", "--help"], hostile)
    assert ended.status == 0, ended.err
    assert not (hostile.parent / "noted").exists()
