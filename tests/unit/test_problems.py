"""Problems of a data file: what is planted is found, and clean data have none."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.problems import CANCEL, FIND, TALK, clean, conversation, faulty, shortened
from tests.support import ROOT, sample, write_jsonl
from trm_engine.data.dataset import TRMToolCallingDataset, problems_of
from trm_engine.data.problems.kinds import KINDS
from trm_engine.data.problems.view import DataView, ViewOptions, open_view
from trm_engine.data.tokenizer import TRMTokenizer
from trm_engine.errors import DataError


@pytest.fixture
def viewed(tmp_path: Path) -> Any:
    """Opens samples, with an index in a folder of its own."""

    def opened(records: Any, against: Any = None, **options: Any) -> DataView:
        path = write_jsonl(tmp_path / "data.jsonl", records)
        other = write_jsonl(tmp_path / "other.jsonl", against) if against else None
        return open_view(path, ViewOptions(against=other, cache=tmp_path / "cache", **options))

    return opened


def lines(view: DataView, name: str) -> list[int]:
    """The lines that have a problem."""
    found = {each["kind"]: each["lines"] for each in view.to_dict()["problems"]}
    return found.get(name, [])


def notes(view: DataView, name: str) -> dict[str, int]:
    return {each["kind"]: each["found"] for each in view.to_dict()["problems"]}.get(name, {})


def test_clean_data_have_no_problems(viewed: Any) -> None:
    assert viewed(clean()).to_dict()["problems"] == []


def test_the_same_history_with_two_labels(viewed: Any) -> None:
    asked, called = conversation(1)
    other = {**called, "tool": {"name": "find_order", "arguments": {"number": 99}}}
    answered = {**called, "decision": "direct_answer", "tool": {}, "content": "No."}
    view = viewed([*clean(), other, answered])
    assert lines(view, "two-labels") == [4, 25, 26]
    assert notes(view, "two-labels") == {"different decision or tool": 3}
    view = viewed([*clean(), {**asked, "content": "Other words are no other label."}])
    assert lines(view, "two-labels") == []
    view = viewed([*clean(), {**asked, "slots": {"number": "", "owner": "BASKETS"}}])
    assert notes(view, "two-labels") == {"different slots": 2}


def test_arguments_outside_the_schema(viewed: Any) -> None:
    def call(place: int, /, **arguments: Any) -> list[dict[str, Any]]:
        return conversation(place, tool={"name": "find_order", "arguments": arguments})

    view = viewed(
        [
            *clean(),
            *call(12, shop="Lyon"),
            *call(13, number="113", shop="Lyon"),
            *call(14, number=114, shop="Paris"),
            *call(15, number=115, colour="red"),
            *call(16, number=True),
        ]
    )
    assert notes(view, "schema") == {
        "find_order.number: required, but missing": 1,
        "find_order.number: integer expected, not text": 1,
        "find_order.shop: not one of the listed values": 1,
        "find_order.colour: the tool has no such parameter": 1,
        "find_order.number: integer expected, not true or false": 1,
    }
    assert lines(view, "schema") == [26, 28, 30, 32, 34]


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"number": {"$ref": "#/nowhere"}}},
        {"type": "object", "properties": {"number": {"type": "string", "pattern": "("}}},
        {"type": "nothing"},
        {"type": "object", "properties": {"number": {"type": 5}}},
    ],
)
def test_a_schema_that_cannot_be_used_is_named(viewed: Any, schema: dict[str, Any]) -> None:
    tool = {"type": "function", "function": {"name": "find_order", "parameters": schema}}
    broken = conversation(
        1, tools=[tool, CANCEL], tool={"name": "find_order", "arguments": {"number": "101"}}
    )
    found = notes(viewed(broken), "schema")
    assert any("cannot be used" in note or "expected" in note for note in found)


def test_tools_never_called_and_called_but_not_offered(viewed: Any) -> None:
    idle = {"type": "function", "function": {"name": "idle"}}
    history = [
        {"role": "user", "content": TALK[0]},
        {"role": "tool_call", "content": {"name": "unknown", "arguments": {}}},
        {"role": "tool_response", "content": "done"},
    ]
    slots = {"number": "", "owner": "spins"}
    records = [
        *clean(),
        sample(tools=[FIND, idle], history=history, slots=slots),
        sample(
            history=history, slots=slots, decision="tool_call", tool={"name": "rare"}, content=""
        ),
    ]
    view = viewed(records)
    assert notes(view, "never-called") == {"idle is offered and never called": 1}
    assert lines(view, "never-called") == [25]
    assert set(notes(view, "not-offered")) == {
        "unknown is called, but is not among the sample's tools",
        "unknown is called, but no sample offers it",
        "rare is called, but no sample offers it",
    }
    assert lines(view, "not-offered") == [25, 26]


def test_values_that_stand_nowhere(viewed: Any) -> None:
    slots = {"number": "", "owner": "nobody we know"}
    view = viewed([*clean(), *conversation(13, slots=slots)])
    assert lines(view, "nowhere") == [26]
    assert notes(view, "nowhere") == {"slot owner: the value is not in the conversation": 1}


def test_text_that_is_cut_off(viewed: Any) -> None:
    long = {"role": "tool_response", "content": "word " * 700}
    history = [*conversation(1)[1]["history"], long]
    slots = {"number": "101", "owner": "arrived"}
    records = [*clean(), sample(history=history, tools=[FIND, CANCEL], slots=slots)]
    view = viewed(records, max_length=512, max_tool_tokens=256)
    assert lines(view, "too-long") == [25]
    assert notes(view, "too-long") == {
        "longer than 512 tokens": 1,
        "a tool turn longer than 256 tokens": 1,
    }
    assert "estimated" in view.to_dict()["tokens"]
    assert lines(viewed(records, max_length=4096), "too-long") == []


def test_fields_that_say_nothing(viewed: Any) -> None:
    records = [{**each, "slots": {**each["slots"], "empty": "", "same": "it"}} for each in clean()]
    for each in records:
        each["history"][0]["content"] += " it"
    assert set(notes(viewed(records), "constant")) == {
        "slot empty is never filled",
        "slot same always has the same value",
    }


def test_conversations_that_the_split_cuts(viewed: Any) -> None:
    view = viewed([*clean(), *shortened()])
    assert lines(view, "cut") == [27, 28, 29]
    named = [{**each, "conversation": "one"} for each in shortened()]
    assert lines(viewed([*clean(), *named]), "cut") == []


def test_conversations_in_both_files(viewed: Any) -> None:
    half = shortened()
    view = viewed([*clean(), *half[:3]], against=half[1:2])
    assert lines(view, "cut-across") == [26]


# Near copies ------------------------------------------------------------------------------------


def changed(record: dict[str, Any], change: Any) -> dict[str, Any]:
    history = [{**turn, "content": change(turn["content"])} for turn in record["history"]]
    return {**record, "history": history}


CHANGES = {
    "nothing": lambda text: text,
    "case": str.upper,
    "numbers": lambda text: text.replace("1", "7"),
    "a word": lambda text: " ".join(["perhaps", *text.split()[1:]]),
    "order": lambda text: " ".join(text.split()[::-1]),
    "spaces and marks": lambda text: f"  {text.replace(' ', '  ')} !!",
    "a word more": lambda text: f"{text} thanks",
}


@pytest.mark.parametrize("name", CHANGES)
def test_near_copies_across_two_files_are_all_found(viewed: Any, name: str) -> None:
    copies = [changed(each, CHANGES[name]) for each in clean()]
    view = viewed(clean(), against=copies)
    assert lines(view, "copies-across") == list(range(1, 25))
    partners = next(
        each["partners"] for each in view.to_dict()["problems"] if each["kind"] == "copies-across"
    )
    assert all(each["line"] == each["partner"] for each in partners)
    assert all(each["in"].endswith("other.jsonl") for each in partners)


def test_near_copies_across_the_split_of_one_file(viewed: Any) -> None:
    copies = [changed(each, CHANGES["a word"]) for each in clean()]
    view = viewed([*clean(), *copies], val_split=0.5)
    assert lines(view, "copies") == list(range(1, 49))
    across = set(lines(view, "copies-across"))
    is_held_out = {
        line: line in across or (line + 24 if line < 25 else line - 24) in across
        for line in range(1, 49)
    }
    assert across and sum(is_held_out.values()) == 2 * len(across)
    assert lines(viewed([*clean(), *copies], val_split=0.0), "copies-across") == []


def test_short_greetings_and_samples_of_one_conversation_are_no_copies(viewed: Any) -> None:
    slots = {"number": "", "owner": ""}
    hello = [
        sample(
            tools=[FIND, CANCEL],
            slots=slots,
            history=[{"role": "user", "content": "hello there"}],
            conversation=str(number),
        )
        for number in range(5)
    ]
    assert lines(viewed([*clean(), *hello]), "copies") == []


def test_copies_in_a_script_without_spaces(viewed: Any) -> None:
    texts = ("我想查询上个月的电话账单金额", "明天早上请帮我预订两张火车票")
    slots = {"number": "", "owner": ""}
    records = [
        sample(history=[{"role": "user", "content": text}], slots=slots)
        for text in (*texts, texts[0].replace("上", "这"))
    ]
    assert lines(viewed(records), "copies") == [1, 3]


# Files ------------------------------------------------------------------------------------------


def test_bad_lines_are_left_out_and_counted(viewed: Any) -> None:
    view = viewed([*clean()[:4], b"{", *clean()[4:]])
    found = view.to_dict()
    assert (found["samples"], found["bad_lines"]) == (24, 1)
    assert any("data check" in note for note in found["notes"])
    with pytest.raises(DataError, match="no line is usable"):
        viewed([b"{", b"["])


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    options = ViewOptions(cache=tmp_path / "cache")
    path = write_jsonl(tmp_path / "data.jsonl", clean())
    read: list[str] = []
    open_view(path, options, lambda what, _: read.append(what))
    assert "reading data.jsonl" in read
    read.clear()
    open_view(path, options, lambda what, _: read.append(what))
    assert read == []
    write_jsonl(path, clean()[:6])
    assert open_view(path, options).to_dict()["samples"] == 6


def test_what_is_found_is_json_and_every_kind_is_explained(viewed: Any) -> None:
    found = viewed([*clean(), *shortened()]).to_dict()
    assert json.loads(json.dumps(found)) == found
    assert len({kind.name for kind in KINDS}) == len(KINDS)
    assert all(kind.explanation.endswith(".") and kind.repair.endswith(".") for kind in KINDS)


def test_without_datasketch_it_says_what_is_left_out(
    viewed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("reading", "view"):
        monkeypatch.setattr(f"trm_engine.data.problems.{module}.is_available", lambda: False)
    view = viewed([*clean(), *clean()])
    assert lines(view, "copies") == []
    assert any("pip install 'trm-tui[data]'" in note for note in view.to_dict()["notes"])


def test_needs_no_torch() -> None:
    code = "import sys, trm_engine.data.problems.view; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


# In training ------------------------------------------------------------------------------------


def test_training_counts_the_cheap_ones_as_the_view_does(
    viewed: Any, tmp_path: Path, tokenizer: TRMTokenizer
) -> None:
    path = write_jsonl(tmp_path / "train.jsonl", faulty())
    counted = problems_of(TRMToolCallingDataset(path, tokenizer, cache_dir=tmp_path / "cache"))
    view = viewed(faulty())
    assert counted == {name: len(lines(view, name)) for name in counted}
    assert set(counted) == {"two-labels", "schema", "nowhere"}


def test_clean_training_data_have_none(tmp_path: Path, tokenizer: TRMTokenizer) -> None:
    path = write_jsonl(tmp_path / "train.jsonl", clean())
    dataset = TRMToolCallingDataset(path, tokenizer, cache_dir=tmp_path / "cache")
    assert problems_of(dataset) == {}
    assert problems_of(dataset.subset([0, 1])) == {}


def test_a_file_of_conversations_is_converted(tmp_path: Path) -> None:
    chats = [
        {"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": "Yes."}]}
        for text in TALK
    ]
    path = tmp_path / "chats.json"
    path.write_text(json.dumps([*chats, {"messages": chats[0]["messages"][::-1]}, chats[3]]))
    view = open_view(path, ViewOptions(cache=tmp_path / "cache"))
    assert view.to_dict()["samples"] >= len(TALK)
    assert lines(view, "copies") and view.to_dict()["file"] == str(path)
    assert any("converted" in note for note in view.notes)
