"""Text that tries to steer a terminal, and what of it reached one."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.support import PEOPLE, dialogues
from trm_engine.printable import is_hidden

NAME = (
    "a\x1b]52;c;aGk=\x07\x1b[31;77m\x9b2J\x9d0;t\x9c\x08\x7f\u202e\u2066\u200b\ufeff\u2028"
    "\U000e0041[-b][red]page[size]:x:"
)
"""Fits a file's name: clipboard, colour, C1, backspace, DEL, bidi, without width, markup."""
TEXT = f"{NAME}[bold]\x00\x0c\x1bc"
"""The same for what is written in a file."""

STYLES = re.compile(rb"\x1b\[(?:[0-9;]*m|\?25[hl]|[0-9]*[AK])|\r")
"""What rich writes on a terminal: styles, and bars that move."""
SCREEN = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\]22;[a-z-]*\x07|[=>])|\r")
"""What Textual writes: styles, places, modes, questions, the pointer's shape."""
THEIRS = re.compile(rb"\x1b\[31;77m|\x1b\]52|\x1b\]0;|\x1bc")

_NAMES = {"find_customer", "change_plan", "phone"}
_CALL = re.compile(r"\{.*\}", re.DOTALL)


def hidden_in(raw: bytes, ours: re.Pattern[bytes] | None = None) -> list[str]:
    """What of an output could steer a terminal, with what stands before; ``ours`` may be in it."""
    found = [repr(match[0]) for match in THEIRS.finditer(raw)]
    text = (ours.sub(b"", raw) if ours else raw).decode("utf-8")
    places = [place for place, each in enumerate(text) if is_hidden(each)]
    return found + [repr(text[max(0, place - 40) : place + 5]) for place in places]


def hostile_dialogues(count: int) -> list[dict[str, Any]]:
    """Conversations whose texts, tools, parameters, slots and values all try it."""
    return [_changed(sample) for sample in dialogues(count)]


def _changed(value: Any) -> Any:
    if isinstance(value, dict):
        return {_name(key): _changed(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_changed(each) for each in value]
    if not isinstance(value, str):
        return value
    if _CALL.fullmatch(value):
        return _changed(json.loads(value))
    for phone, *_ in PEOPLE:
        value = value.replace(phone, phone + TEXT)
    return _name(value)


def _name(text: str) -> str:
    return text + NAME if text in _NAMES else text


def steered(content: Any) -> Any:
    """An event's content with the same in every text of it that is free."""
    if isinstance(content, dict):
        return {
            key if key not in _SLOTS else key + TEXT: each if key in _FIXED else steered(each)
            for key, each in content.items()
        }
    if isinstance(content, list):
        return [steered(each) for each in content]
    return content + TEXT if isinstance(content, str) else content


_FIXED = {"state", "level", "decision", "config", "kind", "wrong", "columns", "training"}
_SLOTS = {"phone", "python", "total", "restaurant_1.number_of_seats"}
