"""Names that are an option, an emoji, markup, no text, or too long: used, or refused in words."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.e2e.runs import tiny_run
from tests.faults.command import refused, trm
from tests.hostile import NAME
from tests.support import dialogues, write_jsonl
from trm_tui.text.words import shell_word

ODD = "-😀[red]"


@pytest.fixture
def config(tmp_path: Path) -> str:
    _, config = tiny_run(tmp_path / "template", max_steps=4, eval_interval=2, save_interval=2)
    config.data.cache_dir = str(tmp_path / "cache")
    (tmp_path / "tiny.yaml").write_text(config.dump())
    return "tiny.yaml"


def test_a_run_in_a_folder_of_an_odd_name_is_trained_shown_resumed_and_asked(
    config: str, tmp_path: Path
) -> None:
    place = tmp_path / ODD
    ended = trm("train", config, f"--output-dir={ODD}", cwd=tmp_path)
    assert ended.status == 0, ended.err
    assert f"trm-tui inspect './{ODD}/checkpoints/best.pt'" in ended.out
    assert ODD in trm("runs", "--plain", ".", cwd=tmp_path).out
    assert "finished run" in refused("train", "--resume", f"./{ODD}", cwd=tmp_path)
    events = (place / "events.jsonl").read_text().splitlines(keepends=True)
    (place / "events.jsonl").write_text("".join(events[:-1]))  # its end was never told
    assert trm("train", "--resume", f"./{ODD}", "--plain", cwd=tmp_path).status == 0
    assert trm("watch", "--plain", f"./{ODD}", cwd=tmp_path).status == 0
    write_jsonl(tmp_path / f"{ODD}.jsonl", dialogues(2))
    for command in ("predict", "eval"):
        ended = trm(command, "--", ODD, f"{ODD}.jsonl", cwd=tmp_path)
        assert ended.status == 0, ended.err
    ended = trm("inspect", "--json", f"./{ODD}", cwd=tmp_path)
    assert json.loads(ended.out)["summary"]["run"] == str(place)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--output-dir", os.fsdecode(b"a\xff")], "training.output_dir: "),
        (["--checkpoint-dir", os.fsdecode(b"a\xff")], "training.checkpoint_dir: "),
        (["--output-dir", "a" * 5000], "File name too long"),
        (["--checkpoint-dir", "a" * 5000], "File name too long"),
        (["--train-data", "a" * 5000], "File name too long"),
        (["--set", 'data.tokenizer_path="a\\0b"'], "data.tokenizer_path: "),
        (["--resume", "a" * 5000], "File name too long"),
    ],
)
def test_a_name_that_cannot_be_used_is_refused_before_anything_is_written(
    arguments: list[str], said: str, config: str, tmp_path: Path
) -> None:
    given = [] if "--resume" in arguments else [config]
    message = refused("train", *given, *arguments, "--plain", cwd=tmp_path)
    assert said in message and message.startswith("error: ")
    assert len(message) < 1000 and len(message.splitlines()) == 1


@pytest.mark.parametrize(
    "command",
    [["watch", "--plain"], ["runs", "--plain"], ["inspect", "--plain"], ["data", "check"]],
)
def test_a_name_that_is_too_long_is_refused(command: list[str], tmp_path: Path) -> None:
    message = refused(*command, "a" * 5000, cwd=tmp_path)
    assert "File name too long" in message and len(message) < 1000


def test_a_command_to_copy_names_the_file_whatever_its_name() -> None:
    assert shell_word(Path("outputs/first")) == "outputs/first"
    assert shell_word("-x y") == "'./-x y'"
    assert shell_word("a'\x1b\u202e") == r"$'a\'\x1b\xe2\x80\xae'"
    assert shell_word(NAME).isprintable()
