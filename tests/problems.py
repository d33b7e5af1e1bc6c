"""Clean samples, and conversations with planted problems."""

from __future__ import annotations

from typing import Any

from tests.support import sample

FIND = {
    "type": "function",
    "function": {
        "name": "find_order",
        "description": "Find an order",
        "parameters": {
            "type": "object",
            "properties": {
                "number": {"type": "integer"},
                "shop": {"type": "string", "enum": ["Lyon", "Oslo"]},
                "owner": {"type": "string"},
            },
            "required": ["number"],
        },
    },
}
CANCEL = {"type": "function", "function": {"name": "cancel", "description": "Cancel an order"}}

TALK = (
    "my washing machine leaks onto the kitchen floor whenever it spins",
    "please tell me whether the blue bicycle with two baskets has arrived",
    "our neighbours ordered seventeen chairs that nobody wants any longer",
    "could somebody repair an antique grandfather clock before christmas",
    "the garden hose burst yesterday so everything around here is flooded",
    "i would rather exchange these leather boots against brown sandals",
    "somewhere between paris and dijon my suitcase vanished from a train",
    "her violin teacher recommends strings made by another company",
    "an invoice came twice although we paid it months ago by cheque",
    "these headphones crackle while listening to slow piano music",
    "grandmother wants large print crossword magazines delivered weekly",
    "half of all tulip bulbs inside that parcel were already rotten",
)
"""Openings that have hardly a word in common."""


def conversation(number: int, **changes: Any) -> list[dict[str, Any]]:
    """Two samples: a question, and a call with what was asked for."""
    said = TALK[number % len(TALK)]
    history = [{"role": "user", "content": said}]
    owner = said.split()[-1]
    order = str(100 + number)
    slots = {"number": "", "owner": owner}
    asked = sample(tools=[FIND, CANCEL], history=list(history), slots=slots, content="Which order?")
    history += [
        {"role": "assistant", "content": "Which order?"},
        {"role": "user", "content": f"it is {order} at Lyon, {' '.join(said.split()[::-1])}"},
    ]
    call = {"name": "find_order", "arguments": {"number": int(order), "shop": "Lyon"}}
    if number % 3 == 0:
        call = {"name": "cancel", "arguments": {}}
    called = sample(
        tools=[FIND, CANCEL],
        history=history,
        decision="tool_call",
        tool=call,
        slots={**slots, "number": order},
        content="",
    )
    return [asked, {**called, **changes}]


def clean() -> list[dict[str, Any]]:
    return [each for number in range(len(TALK)) for each in conversation(number)]


def shortened() -> list[dict[str, Any]]:
    """A conversation whose samples have only their last four turns."""
    turns = [
        {"role": ("user", "assistant")[place % 2], "content": f"{TALK[place]} {place}"}
        for place in range(9)
    ]
    slots = {"number": "", "owner": ""}
    parts = [turns[max(0, end - 4) : end] for end in range(1, 10, 2)]
    return [sample(tools=[FIND, CANCEL], history=part, slots=slots) for part in parts]


def faulty() -> list[dict[str, Any]]:
    """Clean samples, then some with two labels, outside the schema, nowhere, and copied."""
    asked, called = conversation(1)
    slots = {"number": "", "owner": "nobody we know"}
    return [
        *clean(),
        {**called, "decision": "direct_answer", "tool": {}, "content": "No."},
        *conversation(13, tool={"name": "find_order", "arguments": {"shop": "Paris"}}),
        *conversation(14, slots=slots),
        {**asked, "history": [{"role": "user", "content": f"{TALK[1]} please"}]},
    ]
