"""Standard output that cannot be written: one message, the right exit status, no traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.command import SECONDS, TRM
from tests.support import ROOT, sample, write_jsonl

COMMANDS = (
    ["--help"],
    ["--version"],
    ["train", "--help"],
    ["data", "check", "val.jsonl"],
    ["data", "check", "val.jsonl", "--json"],
    ["data", "convert", "chat.json", "-"],
    ["data", "stats", "val.jsonl"],
)
CHAT = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "Hello!"}]


def trm(folder: Path, command: list[str], stdout: int, **environment: str) -> tuple[int, str]:
    """Exit status and standard error."""
    write_jsonl(folder / "val.jsonl", [sample()])
    (folder / "chat.json").write_text(json.dumps(CHAT))
    ended = subprocess.run(
        [*TRM, *command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "", **environment},
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=SECONDS,
    )
    return ended.returncode, ended.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize(
    ("command", "unbuffered"), [*((command, "") for command in COMMANDS), (COMMANDS[0], "1")]
)
def test_a_full_disk_is_one_message(command: list[str], unbuffered: str, tmp_path: Path) -> None:
    with open("/dev/full", "wb") as full:
        status, error = trm(tmp_path, command, full.fileno(), PYTHONUNBUFFERED=unbuffered)
    assert (status, error) == (2, "error: standard output: No space left on device\n")


@pytest.mark.skipif(sys.platform == "win32", reason="needs pipes of POSIX")
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_reader_that_left_is_no_error(command: list[str], tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        assert trm(tmp_path, command, writer) == (141, "")
    finally:
        os.close(writer)
