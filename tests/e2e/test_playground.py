"""`trm-tui playground` as a person uses it, over a real worker in a real terminal."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.e2e.runs import finish, tiny_run
from tests.e2e.terminal import Terminal
from tests.e2e.viewers import open_screen
from tests.faults.command import TRM, trm
from tests.inspected import STEPS, finished_run
from tests.support import PEOPLE, dialogue, write_jsonl
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.data.samples import parse_sample
from trm_engine.runs.folder import RunFolder

ANSWERED = re.compile(r"answered in \d+ ms")
LONG = {"max_steps": 1500, "eval_interval": 500, "save_interval": 500, "learning_rate": 3e-3}
"""A training after which a tiny model has learnt what its few conversations are about."""
SAMPLE = dialogue(2)[1]
PHONE, NAME, _ = PEOPLE[2]
ARGUMENT = f'"phone": "{PHONE}"'


@pytest.fixture(scope="module")
def run(dataset: TRMToolCallingDataset, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return finished_run(tmp_path_factory.mktemp("runs") / "run", dataset)


def open_playground(*arguments: object, cwd: Path, columns: int = 140, rows: int = 44) -> Terminal:
    return open_screen(
        "playground", *arguments, "--device", "cpu", cwd=cwd, columns=columns, rows=rows
    )


def leave_text(screen: Terminal) -> None:
    """From the text to the turns; a key right behind escape would be another key to a terminal."""
    screen.press("escape")
    screen.wait_for("a Add")


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def test_type_load_save_and_come_back(run: RunFolder, tmp_path: Path) -> None:
    samples = write_jsonl(tmp_path / "val.jsonl", dialogue(2))
    with open_playground(run.path, cwd=tmp_path) as screen:
        screen.wait_for("╭─ Conversation ")
        screen.press("hello, 日本 👍🏽 שלום")
        screen.wait_for(ANSWERED)
        screen.wait_for(f"step {STEPS} of {STEPS}")
        screen.press("enter", "assistant's words")
        screen.wait_for("turn 2 of 2")
        leave_text(screen)
        screen.press("o")
        screen.wait_for("search in text, decision, tool")
        screen.press("p", "ctrl+e", "ctrl+u", str(samples), "enter")
        screen.wait_for("3 samples in val.jsonl")
        screen.press("/", PHONE, "enter", "enter")
        screen.wait_for(f"my name is {NAME}")
        screen.wait_for("turn 4 of 4")
        screen.wait_for(ANSWERED)
        screen.press("s")
        screen.wait_for("Save the conversation as a sample")
        screen.press("enter")
        screen.wait_for("Added to")
        screen.press("q")
        assert screen.wait_exit() == 0
        assert screen.left_behind() == []
    saved = parse_sample((tmp_path / "playground.jsonl").read_bytes())
    assert saved.tool and saved.tool.arguments == {"phone": PHONE}
    with open_playground(run.path, cwd=tmp_path) as screen:
        screen.wait_for(f"my name is {NAME}")
        leave_text(screen)
        screen.press("q")
        assert screen.wait_exit() == 0


def test_the_screen_says_what_predict_prints(run: RunFolder, tmp_path: Path) -> None:
    place = write_jsonl(tmp_path / "one.jsonl", [SAMPLE])
    printed = [
        json.loads(trm("predict", run.path, place, "--steps", number, cwd=tmp_path).out)
        for number in range(1, STEPS + 1)
    ]
    with open_playground(run.path, "--sample", f"{place}:1", cwd=tmp_path) as screen:
        screen.wait_for(ANSWERED)
        leave_text(screen)
        for number in range(STEPS, 0, -1):
            text = screen.wait_for(f"step {number} of {STEPS}")
            said = printed[number - 1]
            call = said["decision_probability"]
            share = call if said["decision"] == "tool_call" else 1 - call
            assert re.search(rf"decision .* {share:.3f} ", text), text
            screen.press("[")


def test_printed_for_people(run: RunFolder, tmp_path: Path) -> None:
    ended = subprocess.run(
        [*TRM, "playground", str(run.path), "--plain", "--device", "cpu"],
        input="It is 555-0199",
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert ended.returncode == 0, ended.stderr
    assert all(f"│ {number:>4} │" in ended.stdout for number in range(1, STEPS + 1))
    assert "slot phone" in ended.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "no run has a checkpoint yet; train one: trm-tui init && trm-tui train"),
        (("RUN", "--sample", "val.jsonl"), "expected FILE:LINE"),
        (("RUN", "--sample", "none.jsonl:1"), "none.jsonl: cannot be read"),
        (("RUN", "--sample", "val.jsonl:9"), "line 9: there is no sample"),
        (("missing.pt",), "missing.pt: no such file"),
    ],
)
def test_wrong_input_is_told_in_one_line(
    run: RunFolder, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    write_jsonl(tmp_path / "val.jsonl", dialogue(2))
    given = [str(run.path) if each == "RUN" else each for each in arguments]
    ended = trm("playground", *given, "--plain", cwd=tmp_path)
    assert ended.status == 2
    assert message in ended.err
    assert "Traceback" not in ended.err


def test_large_conversations(run: RunFolder, tmp_path: Path) -> None:
    turns = [{"role": "user", "content": f"turn {number} 日本 👍"} for number in range(500)]
    place = write_jsonl(tmp_path / "long.jsonl", [{"history": turns}])
    with open_playground(run.path, "--sample", f"{place}:1", cwd=tmp_path) as screen:
        screen.wait_for("turn 500 of 500")
        screen.wait_for(ANSWERED)
        leave_text(screen)
        screen.press("2")
        screen.wait_for("older tokens truncated")
        screen.wait_for("i Ids")
        leave_text(screen)
        screen.press("i")
        screen.wait_for("esc Done")
        screen.press("\x1b[200~" + "word é́ " * 14_000 + "\x1b[201~")
        screen.wait_for("more characters")
        screen.press("!")
        screen.wait_for(ANSWERED)
        leave_text(screen)
        screen.press("q")
        assert screen.wait_exit() == 0


@pytest.mark.slow
def test_a_call_with_its_arguments_and_a_slot_that_vanishes(tmp_path: Path) -> None:
    folder, config = tiny_run(tmp_path / "run", num_epochs=1000, **LONG)
    finish(folder, config)
    place = write_jsonl(tmp_path / "begin.jsonl", dialogue(2)[:1])
    learnt = folder.path / "checkpoints" / "last.pt"
    with open_playground(learnt, "--sample", f"{place}:1", cwd=tmp_path) as screen:
        screen.wait_for(ANSWERED)
        screen.press("enter", "Your number?", "enter", f"It is {PHONE}, my name is {NAME}.")
        screen.wait_for('"find_customer"')
        screen.wait_for("  Your number?")
        screen.wait_for(ARGUMENT)
        leave_text(screen)
        screen.press("d")
        screen.wait_until_gone(ARGUMENT)
        screen.wait_until_gone(PHONE)
