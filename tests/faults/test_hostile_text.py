"""Names, values and files of others, printed: nothing of them steers or deceives the terminal."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.runs import tiny_run
from tests.e2e.terminal import PseudoTerminal
from tests.faults.command import SECONDS, TRM
from tests.hostile import NAME, SCREEN, STYLES, TEXT, hidden_in, hostile_dialogues
from tests.support import ROOT, sample, write_jsonl

BAD = [
    sample(history=[{"role": TEXT, "content": "hi"}]),
    sample(decision=TEXT),
    sample(slots={TEXT: ""}),
    sample(decision="tool_call", tool={"name": TEXT, "arguments": {}}, tools=[]),
    sample(decision="tool_call", tool={"name": TEXT, "arguments": TEXT}),
    sample(history=[{"role": "tool_call", "content": TEXT}]),
    sample(tools=[{"type": TEXT, "function": {"name": TEXT, "parameters": {"properties": TEXT}}}]),
    {**sample(), "history": {TEXT: TEXT}},
    f'{{"history": "{TEXT}"}}'.encode("utf-8", "replace"),
    TEXT.encode(),
    b"\x1b]52;c;aGk=\x07\xff",
]


def environment(place: Path, **changes: str) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "XDG_CACHE_HOME": str(place / "cache"),
        "XDG_CONFIG_HOME": str(place / "settings"),
        "OMP_NUM_THREADS": "1",
        **changes,
    }


def piped(*arguments: object, cwd: Path, **changes: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*TRM, *map(str, arguments)],
        cwd=cwd,
        env=environment(cwd, **changes),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=SECONDS,
    )


def on_a_terminal(*arguments: object, cwd: Path) -> tuple[int, bytes]:
    command = [*TRM, *map(str, arguments)]
    with PseudoTerminal(command, env=environment(cwd), cwd=cwd) as terminal:
        return terminal.wait_exit(SECONDS), terminal.raw


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with good and bad files, and a run in a folder, whose names all try it."""
    place = tmp_path_factory.mktemp("hostile")
    write_jsonl(place / f"{NAME}.jsonl", hostile_dialogues(16))
    write_jsonl(place / f"bad{NAME}.jsonl", BAD)
    said = {"role": "user", "content": TEXT}
    for name, role in (("raw", "assistant"), ("bad", TEXT)):
        turns = [said, {"role": role, "content": TEXT}]
        (place / f"{name}{NAME}.json").write_text(json.dumps(turns))
    (place / f"{NAME}.yaml").write_text(json.dumps({TEXT: {TEXT: TEXT}}))
    (place / f"value{NAME}.yaml").write_text(json.dumps({"training": {"dtype": TEXT}}))
    (place / f"syntax{NAME}.yaml").write_bytes(b"[" + NAME.encode())
    (place / f"{NAME}.pt").write_bytes(TEXT.encode())
    _, config = tiny_run(place / "template", max_steps=6, eval_interval=3, save_interval=3)
    config.data.train_data = str(place / f"{NAME}.jsonl")
    (place / "config.yaml").write_text(config.dump())
    shutil.rmtree(place / "template")
    ended = piped("train", "config.yaml", "--output-dir", f"outputs/{NAME}", cwd=place)
    assert ended.returncode == 0, ended.stderr.decode()
    assert hidden_in(ended.stdout + ended.stderr) == []
    return place


RUN = f"outputs/{NAME}"
DATA = f"{NAME}.jsonl"
COMMANDS: dict[str, tuple[int, list[Any]]] = {
    "check": (0, ["data", "check", DATA]),
    "check --json": (0, ["data", "check", DATA, "--json"]),
    "check of bad data": (2, ["data", "check", f"bad{NAME}.jsonl"]),
    "check of bad data --json": (2, ["data", "check", f"bad{NAME}.jsonl", "--json"]),
    "check of a missing file": (2, ["data", "check", f"{NAME}.jsonk"]),
    "stats": (0, ["data", "stats", DATA]),
    "view": (0, ["data", "view", DATA, "--plain", "--against", f"bad{NAME}.jsonl"]),
    "stats --json": (0, ["data", "stats", DATA, "--json"]),
    "stats of bad data": (2, ["data", "stats", f"bad{NAME}.jsonl"]),
    "stats, bad tokenizer": (2, ["data", "stats", DATA, "--tokenizer", f"{NAME}.pt"]),
    "convert": (0, ["data", "convert", f"raw{NAME}.json", "-"]),
    "convert, bad role": (2, ["data", "convert", f"bad{NAME}.json", "-"]),
    "convert, bad tools": (2, ["data", "convert", DATA, "-", "--tools", f"{NAME}.pt"]),
    "make": (0, ["data", "make", f"made{NAME}.jsonl", "--conversations", "2"]),
    "make into a missing folder": (2, ["data", "make", f"{NAME}/made.jsonl"]),
    "no such command": (2, [NAME]),
    "no such option": (2, ["train", f"--{NAME}"]),
    "one argument too many": (2, ["data", "check", DATA, NAME]),
    "a number that is none": (2, ["data", "make", "x", "--conversations", NAME]),
    "train, unknown key": (2, ["train", f"{NAME}.yaml"]),
    "train, bad value": (2, ["train", f"value{NAME}.yaml"]),
    "train, bad syntax": (2, ["train", f"syntax{NAME}.yaml"]),
    "train, no such file": (2, ["train", f"{NAME}.yml"]),
    "train, bad setting": (2, ["train", "config.yaml", "--set", f"training.{NAME}={NAME}"]),
    "train, no such device": (2, ["train", "--plain", "config.yaml", "--device", NAME]),
    "train, missing data": (2, ["train", "config.yaml", "--train-data", f"no{NAME}"]),
    "train again": (2, ["train", "config.yaml", "--output-dir", RUN]),
    "resume": (2, ["train", "--resume", RUN]),
    "watch": (0, ["watch", "--plain", RUN]),
    "watch of no run": (2, ["watch", "--plain", NAME]),
    "runs": (0, ["runs", "--plain"]),
    "runs --json": (0, ["runs", "--json"]),
    "runs of no folder": (2, ["runs", "--plain", NAME]),
    "eval of no checkpoint": (2, ["eval", NAME, DATA]),
}
COSTLY: dict[str, tuple[int, list[Any]]] = {
    "train on bad data": (2, ["train", "--plain", "config.yaml", "--train-data", f"bad{DATA}"]),
    "inspect": (0, ["inspect", "--plain", RUN, "--data", DATA, "--compare", RUN]),
    "inspect --json": (0, ["inspect", "--json", RUN, "--data", DATA]),
    "inspect of no checkpoint": (2, ["inspect", "--plain", f"{NAME}.pt"]),
    "eval": (0, ["eval", RUN, DATA]),
    "eval --json": (0, ["eval", RUN, DATA, "--json"]),
    "eval on bad data": (2, ["eval", RUN, f"bad{NAME}.jsonl"]),
    "predict": (0, ["predict", RUN, DATA]),
    "predict on bad data": (2, ["predict", RUN, f"bad{NAME}.jsonl"]),
    "playground": (0, ["playground", "--plain", RUN, "--sample", f"{DATA}:2"]),
    "playground, bad sample": (2, ["playground", "--plain", RUN, "--sample", f"bad{DATA}:10"]),
}

PIPED = (
    "check of bad data",
    "stats",
    "stats --json",
    "convert",
    "no such command",
    "train, bad setting",
    "watch",
    "runs",
    "runs --json",
)


@pytest.mark.parametrize("name", PIPED)
def test_piped_nothing_of_others_could_steer_a_terminal(name: str, place: Path) -> None:
    status, arguments = COMMANDS[name]
    ended = piped(*arguments, cwd=place)
    assert hidden_in(ended.stdout + ended.stderr) == []
    assert ended.returncode == status, ended.stderr.decode()
    assert b"Traceback" not in ended.stderr


@pytest.mark.parametrize("name", [*COMMANDS, *COSTLY])
def test_on_a_terminal_nothing_of_others_steers_it(name: str, place: Path) -> None:
    status, arguments = (COMMANDS | COSTLY)[name]
    ended, raw = on_a_terminal(*arguments, cwd=place)
    assert hidden_in(raw, STYLES) == []
    assert ended == status, raw.decode()
    assert b"Traceback" not in raw


def test_on_a_full_screen_nothing_of_others_steers_it(place: Path) -> None:
    command = [*TRM, "watch", RUN]
    with PseudoTerminal(command, env=environment(place), cwd=place) as terminal:
        assert terminal.wait_for_bytes(re.compile(rb"finished")) is not None
        for tab in "2345678q":
            seen = len(terminal.chunks)
            terminal.press(tab)
            assert terminal.wait_for_bytes(re.compile(rb"\x1b"), seen) is not None
        assert terminal.wait_exit(SECONDS) == 0
        assert hidden_in(terminal.raw, SCREEN) == []


def test_a_screen_that_breaks_leaves_a_traceback_that_steers_nothing(place: Path) -> None:
    program = (
        "from textual.screen import Screen; from tests.hostile import TEXT;"
        "from trm_engine.printable import guard_output; from trm_tui.app import TrmApp;"
        "guard_output(); TrmApp(lambda _: Screen(name={}[TEXT])).run()"
    )
    command = [sys.executable, "-c", program]
    with PseudoTerminal(command, env=environment(place), cwd=place) as terminal:
        terminal.wait_exit(SECONDS)
        assert b"KeyError" in terminal.raw
        bell = re.compile(SCREEN.pattern + rb"|\x07")
        assert hidden_in(terminal.raw, bell) == []
