"""What `trm-tui inspect` prints of judged samples."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from rich.console import Console

from tests.screens.test_checkpoint_facts import NOTHING_KNOWN
from trm_tui.plain.inspect_facts import compared, labels_of
from trm_tui.plain.inspect_tables import config_table, errors_table


def record(line: int, *wrong: str) -> dict[str, Any]:
    """A record as an evaluation gives it."""
    return {
        "line": line,
        "text": f"it is\n[number] {line}",
        "decision": "tool_call",
        "tool": "check_bill",
        "predicted_decision": "tool_call",
        "predicted_tool": None if "tool" in wrong else "check_bill",
        "confidence": 0.5,
        "loss": line / 4,
        "wrong": list(wrong),
    }


def evaluation(*records: dict[str, Any]) -> dict[str, Any]:
    return {"samples": list(records)}


def text_of(table: Any) -> str:
    console = Console(width=100, no_color=True)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def test_what_only_one_of_two_gets_right() -> None:
    this = evaluation(record(1), record(2, "tool"), record(3), record(4, "decision"))
    other = evaluation(record(4), record(3, "tool"), record(2, "decision"), record(1))
    assert compared(this, other) == {"only_this_right": [3], "only_other_right": [4]}


def test_the_worst_errors_first_and_not_more_than_asked_for() -> None:
    some = evaluation(record(1), *(record(line, "tool", "arguments") for line in (2, 3, 4)))
    text = text_of(errors_table(some, most=2))
    assert "2 of 3 wrong samples" in text
    assert text.index("[number] 4") < text.index("it is [number] 3")
    assert "[number] 2" not in text
    assert "no tool" in text and "tool, args" in text
    assert "No sample is wrong." in text_of(errors_table(evaluation(record(1))))


def test_settings_that_differ_from_the_defaults_or_from_another_checkpoint() -> None:
    own = {"model": {"hidden_size": 32, "num_layers": 2}}
    defaults = {"model": {"hidden_size": 128, "num_layers": 2}}
    summary = replace(NOTHING_KNOWN, config=own, defaults=defaults)
    [heading, row] = text_of(config_table(summary)).splitlines()
    assert heading.split() == ["Setting", "Value", "Default"]
    assert row.split() == ["model.hidden_size", "32", "128"]
    other = replace(NOTHING_KNOWN, config={"model": {"hidden_size": 32, "num_layers": 3}})
    [heading, row] = text_of(config_table(summary, other)).splitlines()
    assert heading.split() == ["Setting", "Value", "Other"]
    assert row.split() == ["model.num_layers", "2", "3"]
    same = text_of(config_table(summary, summary))
    assert same.strip() == "No setting differs between the two."


def test_labels_are_told_by_tool() -> None:
    field = {"name": "plan", "kind": "choice", "values": ["a", "b"], "json_type": "string"}
    labels = {"tools": ["none", "change"], "parameters": [[], [0]], "args": [field], "slots": []}
    told = labels_of({"labels": labels})
    assert told is not None
    assert told["tools"][1] == {"name": "change", "parameters": ({**field, "values": ("a", "b")},)}
    assert labels_of({"labels": None}) is None
