"""Said slots: facts for formats that have none, from the arguments of calls that users have said.

A slot has the value that the argument of its name has in this decision's call; else in the next
call, if a user has said it since the last call with this argument; else in that last call. It is
empty if no user has said the value. An argument that a call leaves out changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from trm_engine.data.decisions import Step
from trm_engine.data.values import find_value


def with_said_slots(steps: Sequence[Step], names: Sequence[str]) -> list[Step]:
    """The steps, with the value of each slot at each of them."""
    if not names:
        return list(steps)
    said = [(place, step.content) for place, step in enumerate(steps) if step.role == "user"]
    columns = {name: _column(steps, name, said) for name in names}
    return [
        replace(step, slots={name: column[place] for name, column in columns.items()})
        for place, step in enumerate(steps)
    ]


def _column(steps: Sequence[Step], name: str, said: list[tuple[int, str]]) -> list[str]:
    """The value of one slot at every step."""
    calls = [(place, text) for place, step in enumerate(steps) if (text := _argument(step, name))]
    if not calls:
        return [""] * len(steps)
    return [_value(place, calls, said) for place in range(len(steps))]


def _value(place: int, calls: list[tuple[int, str]], said: list[tuple[int, str]]) -> str:
    last_place, last = next((each for each in reversed(calls) if each[0] <= place), (-1, ""))
    if last_place != place:
        following = next((text for at, text in calls if at > place), "")
        since = [text for at, text in said if last_place < at < place]
        if any(is_said(following, text) for text in since):
            return following
    before = (text for at, text in said if at < place)
    return last if any(is_said(last, text) for text in before) else ""


def _argument(step: Step, name: str) -> str:
    """The argument of a call as text; "" if the step is no call or leaves it out."""
    if step.role != "tool_call":
        return ""
    value: Any = step.content["arguments"].get(name)
    if value is None or isinstance(value, str):
        return (value or "").strip()
    return json.dumps(value, ensure_ascii=False)


def is_said(value: str, text: str) -> bool:
    """Whether a value stands in a text, however it is written."""
    return find_value(text, value) != ()
