"""What is asked of a server: a conversation, and bodies that are no requests."""

from __future__ import annotations

import json
import random
from typing import Any

from tests.support import TOOLS

ASKED: Any = [
    {"role": "system", "content": "You work for a telecom company."},
    {"role": "user", "content": "It is 0901234567, my name is An Nguyễn."},
]
SECRET = "tell-nobody-4711"


def malformed(dice: random.Random) -> bytes:
    """A body that is no request: cut, with a value exchanged, or of bytes that are no text."""
    whole = {
        "model": "m",
        "input": ASKED,
        "state": {"messages": ASKED},
        "messages": ASKED,
        "questions": [{"type": "predicate", "name": SECRET, "instructions": ""}],
        "tools": TOOLS,
    }
    odd: list[Any] = [None, -1, 1e308, "", SECRET, [], {}, [[]], [None], {"role": 1}, True]
    kind = dice.randrange(4)
    if kind == 0:
        raw = json.dumps(whole).encode()
        return raw[: dice.randrange(len(raw))]
    if kind == 1:
        return bytes(dice.randrange(256) for _ in range(dice.randrange(50)))
    if kind == 2:
        return b"[" * dice.randrange(1, 50_000)
    for _ in range(dice.randrange(1, 4)):
        whole[dice.choice(list(whole))] = dice.choice(odd)
    broken = [*ASKED, dice.choice(odd)]
    return json.dumps({**whole, "messages": broken, "input": broken, "state": []}).encode()
