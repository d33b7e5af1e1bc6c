"""`trm-tui data view` without a screen: tables and JSON, and what it is seen against."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.hostile import hidden_in, hostile_dialogues
from tests.problems import clean, faulty
from tests.screens.test_label_review import write_search
from tests.support import write_jsonl
from trm_engine.config import Config
from trm_engine.label_errors.suspect import Suspect
from trm_tui.cli import app


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    write_jsonl(tmp_path / "train.jsonl", faulty())
    write_jsonl(tmp_path / "val.jsonl", clean())
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["data", "view", *arguments])


@pytest.mark.usefixtures("place")
def test_tables_name_the_problems_most_costly_first() -> None:
    shown = run("train.jsonl", "--plain")
    assert shown.exit_code == 0
    titles = (
        "Same conversation, different labels: 2",
        "Arguments outside the schema: 1",
        "nowhere: 1",
    )
    places = [shown.output.index(title) for title in titles]
    assert places == sorted(places)
    assert "lines 4, 25" in shown.output and "Scripts of the last user turn: Latin" in shown.output
    assert "No problems." in run("val.jsonl", "--plain").output


@pytest.mark.usefixtures("place")
def test_json_has_every_line() -> None:
    found = json.loads(run("train.jsonl", "--against", "val.jsonl", "--json").output)
    problems = {each["kind"]: each for each in found["problems"]}
    assert len(problems["copies-across"]["lines"]) >= 24
    assert problems["two-labels"]["lines"] == [4, 25]
    assert found["against"] == "val.jsonl" and found["samples"] == 30


def test_limits_and_the_other_file_come_from_a_configuration(place: Path) -> None:
    config = Config()
    config.data.max_length, config.data.val_data = 20, "val.jsonl"
    (place / "config.yaml").write_text(config.dump())
    for named in ("config.yaml", "."):
        found = json.loads(run("train.jsonl", "--config", named, "--json").output)
        assert (found["max_length"], found["against"]) == (20, "val.jsonl")
        assert "too-long" in {each["kind"] for each in found["problems"]}


def test_the_search_for_label_errors_of_the_file_is_found(place: Path) -> None:
    folder = place / "outputs" / "errors-train"
    write_search(folder, place / "train.jsonl", [Suspect(3, "tool", "", "a", "b", 0.9)])
    found = json.loads(run("train.jsonl", "--json").output)
    assert {each["kind"]: each["lines"] for each in found["problems"]}["wrong-labels"] == [3]

    write_jsonl(place / "train.jsonl", faulty()[1:])
    found = json.loads(run("train.jsonl", "--json").output)
    assert "wrong-labels" not in {each["kind"] for each in found["problems"]}
    assert "Suspected labels are not shown: outputs/errors-train: holds" in found["notes"][-1]


@pytest.mark.parametrize("arguments", [("none.jsonl",), ("train.jsonl", "--against", "none.jsonl")])
@pytest.mark.usefixtures("place")
def test_a_missing_file(arguments: tuple[str, ...]) -> None:
    shown = run(*arguments, "--plain")
    assert shown.exit_code == 2 and "none.jsonl" in shown.stderr


def test_foreign_names_do_not_steer_the_terminal(place: Path) -> None:
    write_jsonl(place / "hostile.jsonl", hostile_dialogues(4))
    for output in ("--plain", "--json"):
        shown = run("hostile.jsonl", "--against", "hostile.jsonl", output)
        assert shown.exit_code == 0
        assert hidden_in(shown.output.encode()) == []
