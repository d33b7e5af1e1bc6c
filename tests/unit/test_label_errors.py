"""Label errors: folds, the ranking, and corrections of a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from tests.support import dialogues, write_jsonl
from trm_engine.config import Config
from trm_engine.data.cache import content_hash
from trm_engine.data.problems.view import DataView, ViewOptions, open_view
from trm_engine.errors import DataError
from trm_engine.label_errors.corrections import (
    Decision,
    apply_decisions,
    in_force,
    read_decisions,
)
from trm_engine.label_errors.folds import assign_folds
from trm_engine.label_errors.ranking import rank
from trm_engine.label_errors.suspect import (
    RESULT,
    FieldOpinion,
    Opinion,
    Suspect,
    read_suspects,
    write_records,
)
from trm_engine.worker.label_errors import SMALL_MODEL, _with_enough_epochs
from trm_tui.cli import app
from trm_tui.plain import worker_answer

# Folds


@given(st.lists(st.integers(0, 30), min_size=1, max_size=200), st.integers(2, 5))
def test_a_conversation_is_in_one_fold_and_folds_are_of_a_size(
    dialogues: list[int], folds: int
) -> None:
    fold_of = assign_folds(np.array(dialogues), folds)
    for dialogue in set(dialogues):
        assert len(set(fold_of[np.array(dialogues) == dialogue])) == 1
    sizes = np.bincount(fold_of, minlength=folds)
    longest = max(dialogues.count(each) for each in dialogues)
    assert sizes.max() - sizes.min() <= longest


# Ranking


def opinion(line: int, call: float = 0.02, **changes: Any) -> Opinion:
    """A model that is sure of a direct answer, which is the label too."""
    plain = Opinion(
        line=line,
        decision="direct_answer",
        tool=None,
        call=call,
        tools={"find": 0.9, "change": 0.1},
        made={"name": "find", "arguments": {"phone": "0901"}},
        fields=[],
    )
    return msgspec.structs.replace(plain, **changes)


def called(line: int, tool: str, call: float = 0.97, **changes: Any) -> Opinion:
    return opinion(line, call, decision="tool_call", tool=tool, **changes)


def test_the_decision_that_the_models_surely_disagree_with_comes_first() -> None:
    opinions = [opinion(line) for line in range(20, 40)]
    opinions += [called(line, "find") for line in range(40, 50)]
    opinions += [called(10, "find", 0.03), opinion(11, 0.7), opinion(12, 0.99)]
    found = rank(opinions)
    assert [(each.line, each.kind, each.predicted) for each in found] == [
        (12, "decision", "tool_call"),
        (10, "decision", "direct_answer"),
        (11, "decision", "tool_call"),
    ]
    assert found[0].call == {"name": "find", "arguments": {"phone": "0901"}}
    assert found[1].call is None
    assert all(0.5 < each.score <= 1 for each in found)


def test_a_class_of_which_models_are_never_sure_is_not_suspected_as_such() -> None:
    sure, unsure = [opinion(line) for line in range(1, 50)], [0.45, 0.4, 0.42, 0.44, 0.41]
    calls = [called(50 + number, "find", call) for number, call in enumerate(unsure)]
    assert rank([*sure, *calls]) == []


def test_a_tool_is_judged_among_calls_and_one_that_no_model_knows_is_not() -> None:
    change = {"find": 0.04, "change": 0.96}
    opinions = [called(1, "find"), called(2, "find"), called(3, "change", tools=change)]
    wrong = called(4, "find", tools=change, made={"name": "change", "arguments": {"plan": "x"}})
    unknown = called(5, "cancel")
    [found] = rank([*opinions, wrong, unknown])
    assert (found.line, found.kind, found.given, found.predicted) == (4, "tool", "find", "change")
    assert found.call == {"name": "change", "arguments": {"plan": "x"}}


def test_values_are_ranked_by_how_much_likelier_the_models_is() -> None:
    def of(field: str, given: float, predicted: float) -> FieldOpinion:
        return FieldOpinion("slot", field, "a", "b", given, predicted)

    fields = [of("unsure", 0.4, 0.5), of("sure", 0.0, 1.0), of("between", 0.1, 0.6)]
    found = rank([opinion(1, fields=fields), opinion(2)])
    assert [(each.field, each.score) for each in found] == [
        ("sure", 1.0),
        ("between", 0.75),
        ("unsure", 0.55),
    ]


def test_suspects_are_read_as_they_were_written(tmp_path: Path) -> None:
    suspects = [Suspect(3, "slot", "name", "", "Zoë\x1b", 0.75), Suspect(1, "tool", "", "a", 5, 1)]
    write_records(tmp_path / "suspects.jsonl", suspects)
    assert read_suspects(tmp_path / "suspects.jsonl") == suspects
    (tmp_path / "suspects.jsonl").write_text('{"line": 1}\n')
    with pytest.raises(DataError, match=r"suspects.jsonl, line 1: Object missing required field"):
        read_suspects(tmp_path / "suspects.jsonl")


# A search


@pytest.mark.parametrize(
    ("samples", "settings", "epochs"),
    [(100_000, (), 4), (320, (), 15), (320, ("training.num_epochs=2",), 2)],
)
def test_a_small_file_is_read_more_often(
    samples: int, settings: tuple[str, ...], epochs: int, tmp_path: Path
) -> None:
    (tmp_path / "models.yaml").write_text(SMALL_MODEL)
    config = Config.from_yaml(tmp_path / "models.yaml", settings)
    assert _with_enough_epochs(config, samples, settings).training.num_epochs == epochs


@pytest.mark.parametrize(("disputed", "is_warned"), [(5, False), (6, True)])
def test_models_that_know_too_little_are_no_judges(
    disputed: int, is_warned: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_records(tmp_path / RESULT, [Suspect(1, "slot", "name", "", "An", 0.9)])
    answer = {"samples": 10, "disputed": disputed}
    monkeypatch.setattr(worker_answer, "answer_of", lambda *_, **__: answer)
    result = CliRunner().invoke(app, ["data", "errors", "x.jsonl", "-o", str(tmp_path)])
    assert result.exit_code == 0
    assert ("disagree with 6 of 10 samples" in result.stderr) == is_warned


# Corrections

CALL = {"name": "find_customer", "arguments": {"phone": "0901234567"}}
SUSPECTS = [
    Suspect(1, "decision", "", "direct_answer", "tool_call", 0.9, CALL),
    Suspect(2, "slot", "name", "An Nguyễn", "An", 0.8),
    Suspect(2, "argument", "phone", "0901234567", "", 0.7),
    Suspect(3, "tool", "", "change_plan", "find_customer", 0.6, CALL),
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_jsonl(tmp_path / "samples.jsonl", dialogues(2))


def corrected(file: Path, *decisions: Decision) -> tuple[list[dict[str, Any]], list[Any]]:
    """The samples and the log after some decisions."""
    out, log = file.with_name("out.jsonl"), file.with_name("log.jsonl")
    apply_decisions(file, SUSPECTS, decisions, out, log)
    return tuple([json.loads(line) for line in path.open()] for path in (out, log))  # type: ignore[return-value]


def test_the_models_labels_are_taken_and_every_change_is_logged(file: Path) -> None:
    taken = [Decision(each.line, each.kind, "take", each.field) for each in SUSPECTS]
    samples, log = corrected(file, *taken)
    before = dialogues(2)
    assert (samples[0]["decision"], samples[0]["tool"]) == ("tool_call", CALL)
    assert samples[1]["slots"]["name"] == "An"
    assert samples[1]["tool"] == {"name": "find_customer", "arguments": {}}
    assert samples[2]["tool"] == CALL
    assert samples[3:] == before[3:]
    assert [(each["line"], each["kind"], each["action"]) for each in log] == [
        (each.line, each.kind, "take") for each in SUSPECTS
    ]
    assert (log[1]["before"], log[1]["after"]) == ("An Nguyễn", "An")
    assert (log[0]["before"], log[0]["after"]) == ("direct_answer", CALL)


def test_labels_are_edited_kept_and_samples_dropped(file: Path) -> None:
    samples, log = corrected(
        file,
        Decision(1, "decision", "keep"),
        Decision(2, "slot", "edit", "name", "An N."),
        Decision(3, "tool", "drop"),
        Decision(4, "decision", "edit", value={"name": "change_plan", "arguments": {}}),
        Decision(5, "decision", "edit", value="direct_answer"),
    )
    before = dialogues(2)
    assert len(samples) == 5
    assert samples[0] == before[0]
    assert samples[1]["slots"]["name"] == "An N."
    assert samples[2]["decision"] == "tool_call"
    assert (samples[3]["decision"], samples[3]["tool"]) == ("direct_answer", {})
    assert [each["action"] for each in log] == ["edit", "drop", "edit", "edit"]
    assert (log[1]["before"], log[1]["after"]) == (before[2], None)


def test_the_last_decision_counts_unless_it_is_undone() -> None:
    take, edit = Decision(2, "slot", "take", "name"), Decision(2, "slot", "edit", "name", "x")
    undo = Decision(2, "slot", "undo", "name")
    label = (2, "slot", "name")
    assert in_force([take, edit]) == {label: edit}
    assert in_force([take, edit, undo]) == {label: take}
    assert in_force([take, undo, undo]) == {}
    assert in_force([undo, take]) == {label: take}


BAD: list[tuple[Decision, str]] = [
    (Decision(9, "decision", "drop"), "samples.jsonl: has no sample in line 9"),
    (Decision(2, "slot", "take", "phone"), "line 2, slot phone: the models suspect no such label"),
    (Decision(2, "slot", "edit", "nam", "x"), "no such slot (did you mean 'name'?)"),
    (Decision(1, "argument", "edit", "a", 1), "line 1, argument a: the sample is no call"),
    (Decision(2, "argument", "edit", "a[", 1), "line 2, argument a[: not a path: a["),
    (Decision(1, "decision", "edit", "", "call"), "expected direct_answer or a call"),
    (
        Decision(1, "tool", "edit", "", {"name": "find_custmer"}),
        "line 1: is no sample any more: tool 'find_custmer' is not among tools",
    ),
]


@pytest.mark.parametrize(("decision", "said"), BAD)
def test_a_decision_that_does_not_fit_is_refused_and_nothing_is_written(
    decision: Decision, said: str, file: Path
) -> None:
    with pytest.raises(DataError) as caught:
        corrected(file, decision)
    assert said in str(caught.value)
    assert [path.name for path in file.parent.iterdir()] == ["samples.jsonl"]


BAD_LINES = [
    ("{", "not a decision"),
    ("[]", "not a decision"),
    ('{"line": 1, "kind": "slots", "action": "take"}', "kind: 'slots' (did you mean 'slot'?)"),
    ('{"line": 1, "kind": "slot", "action": "took"}', "expected one of keep, take, edit"),
    ('{"line": "1", "kind": "slot", "action": "take"}', "Expected `int`, got `str`"),
]


@pytest.mark.parametrize(("line", "said"), BAD_LINES)
def test_lines_that_are_no_decisions_are_named(line: str, said: str, tmp_path: Path) -> None:
    good = '{"line": 1, "kind": "decision", "action": "keep"}'
    path = tmp_path / "decisions.jsonl"
    path.write_text(f"{good}\n\n{line}\n")
    with pytest.raises(DataError) as caught:
        read_decisions(path)
    assert "decisions.jsonl, line 3: not a decision" in str(caught.value)
    assert said in str(caught.value)


def test_a_file_of_decisions_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.jsonl"):
        read_decisions(tmp_path / "none.jsonl")


# In `data view`


@pytest.fixture
def searched(file: Path, tmp_path: Path) -> Path:
    """The folder of a search in the file."""
    folder = tmp_path / "search"
    folder.mkdir()
    (folder / "search.json").write_text(json.dumps({"content": content_hash(file)}))
    write_records(folder / RESULT, SUSPECTS)
    return folder


def seen(file: Path, folder: Path) -> DataView:
    return open_view(file, ViewOptions(cache=file.parent / "cache", errors=folder, val_split=0))


def test_suspects_are_a_problem_of_the_file(file: Path, searched: Path) -> None:
    [found] = [each for each in seen(file, searched).problems if each.kind.name == "wrong-labels"]
    assert found.table.rows.tolist() == [each.line - 1 for each in SUSPECTS]
    assert found.table.notes[:2] == [
        "decision: rather tool_call than direct_answer",
        "slot name: rather An than An Nguyễn",
    ]


def test_a_search_in_another_file_is_refused(file: Path, searched: Path) -> None:
    file.write_bytes(file.read_bytes().replace(b"An ", b"Ah "))
    with pytest.raises(DataError, match=r"holds the search of another file, or .* has changed"):
        seen(file, searched)


def test_a_folder_without_a_search_is_refused(file: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"search\.json: no such file"):
        seen(file, tmp_path / "none")
