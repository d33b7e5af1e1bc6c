"""Frame columns: dialogues of SGD and MultiWOZ as Hugging Face's ``datasets`` has them, as rows.

There a list of objects is an object of lists, an object with any keys is two lists (names and
values), and the speaker is a number.
"""

from __future__ import annotations

from typing import Any

SPEAKERS = ("USER", "SYSTEM")
RENAMED = {
    "slots_values": "slot_values",
    "service_method": "method",
    "service_call_parameters": "parameters",
}


def turns_of_columns(turns: dict[str, Any]) -> list[Any]:
    """The turns of a dialogue, as its original file has them; none if it has other columns."""
    rows = _rows(turns)
    for row in rows:
        row["speaker"] = _speaker(row.get("speaker"))
        frames = row.get("frames")
        row["frames"] = [_frame(frame) for frame in _rows(frames)] or frames
    return rows


def _rows(columns: Any) -> list[dict[str, Any]]:
    """The objects of an object of lists that are equally long."""
    if not isinstance(columns, dict) or not columns:
        return []
    lists = list(columns.values())
    if not all(isinstance(each, list) and len(each) == len(lists[0]) for each in lists):
        return []
    return [dict(zip(columns, row, strict=True)) for row in zip(*lists, strict=True)]


def _speaker(value: Any) -> Any:
    is_number = isinstance(value, int) and 0 <= value < len(SPEAKERS)
    return SPEAKERS[value] if is_number else value


def _frame(frame: dict[str, Any]) -> dict[str, Any]:
    """A frame without the calls that stand for none."""
    read: dict[str, Any] = _named(frame)
    call, results = read.get("service_call"), read.get("service_results")
    if isinstance(call, dict) and not call.get("method"):
        del read["service_call"]
    if isinstance(results, dict):
        read["service_results"] = results.get("service_results_list", results)
    return read


def _named(value: Any) -> Any:
    """The value with an object for each pair of lists, of names and of values."""
    if isinstance(value, list):
        return [_named(each) for each in value]
    if not isinstance(value, dict):
        return value
    named = [key for key in value if key.endswith("_name")]
    others = [key for key in value if key not in named]
    if len(named) == len(others) == 1:
        names, values = value[named[0]], value[others[0]]
        if isinstance(names, list) and isinstance(values, list) and len(names) == len(values):
            return dict(zip(map(str, names), values, strict=True))
    return {RENAMED.get(key, key): _named(each) for key, each in value.items()}
