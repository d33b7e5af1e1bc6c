"""Placed values: where the values of a sample's label stand in its conversation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from trm_engine.data.samples import Turn
from trm_engine.data.values import find_value, flatten, is_empty, same_value, value_text
from trm_tui.store.step_answer import TRUE, Mark
from trm_tui.text.figures import NOTHING

Record = Mapping[str, Any]


@dataclass
class PlacedValues:
    """``marks``: the places of all values. ``nowhere``: names and texts of those without one."""

    marks: list[Mark] = field(default_factory=list)
    nowhere: list[tuple[str, str]] = field(default_factory=list)


def placed_values(sample: Record) -> PlacedValues:
    """Find the values of the slots and arguments of a sample."""
    texts = [text for _, text in turn_texts(sample)]
    found = PlacedValues()
    for name, value in _values(sample):
        marks = [
            Mark(place, begin, end, TRUE)
            for place, text in enumerate(texts)
            for begin, end in find_value(text, value)
        ]
        found.marks += marks
        if not marks:
            found.nowhere.append((name, value_text(value)))
    return found


def turn_texts(sample: Record) -> list[tuple[str, str]]:
    """The role and the text of each turn of a sample."""
    return [(str(turn.get("role")), _text(turn)) for turn in _records(sample.get("history"))]


def differences(one: Record, other: Record) -> list[str]:
    """How the labels of two samples differ, a line each."""
    own, theirs = _label(one), _label(other)
    return [
        f"{name}: {_shown(own.get(name))} here, {_shown(theirs.get(name))} there"
        for name in {**own, **theirs}
        if not same_value(own.get(name), theirs.get(name))
    ]


def _shown(value: Any) -> str:
    return value_text(value) or NOTHING


def _label(sample: Record) -> dict[str, Any]:
    tool = sample.get("tool")
    name = tool.get("name") if isinstance(tool, dict) else None
    return {
        "decision": str(sample.get("decision")),
        "tool": str(name or ""),
        **dict(_values(sample)),
    }


def _values(sample: Record) -> Iterator[tuple[str, Any]]:
    tool = sample.get("tool")
    arguments = tool.get("arguments") if isinstance(tool, dict) else None
    for kind, values in (("slot", sample.get("slots")), ("argument", arguments)):
        for name, value in flatten(values).items() if isinstance(values, dict) else ():
            if not is_empty(value):
                yield f"{kind} {name}", value


def _records(value: Any) -> Sequence[Record]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _text(turn: Record) -> str:
    try:
        return Turn.model_validate(turn).text()
    except (ValidationError, RecursionError):
        return str(turn.get("content"))
