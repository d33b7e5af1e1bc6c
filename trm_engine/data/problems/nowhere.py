"""Nowhere: values of slots and arguments that do not stand in the conversation."""

from __future__ import annotations

from trm_engine.data.problems.kind import Kind
from trm_engine.data.values import shown_path

KIND = Kind(
    name="nowhere",
    title="Values that stand nowhere",
    explanation=(
        "The value of a slot or argument is not in the conversation, and the field is no choice "
        "among few values. The model reads such values off the text, so it cannot learn these."
    ),
    repair=(
        "Write the value as it is said, give the parameter an enum, or leave the value out if it "
        "is not known yet."
    ),
    cost="medium",
)


def note(kind: str, name: str) -> str:
    """What is wrong with a value of a slot or an argument."""
    shown = shown_path(name) if kind == "argument" else name
    return f"{kind} {shown}: the value is not in the conversation"
