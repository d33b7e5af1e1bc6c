"""Constant: fields that are never filled, or always with the same value."""

from __future__ import annotations

from trm_engine.data.label_builder import FieldCounts
from trm_engine.data.problems.kind import Kind
from trm_engine.data.values import meaning, shown_path

KIND = Kind(
    name="constant",
    title="Fields that say nothing",
    explanation=(
        "A slot is never filled, or a field has the same value wherever it is filled. The model "
        "learns nothing about it from the conversation."
    ),
    repair="Leave the field out, or add conversations with other values.",
    cost="low",
)
LEAST_FILLED = 20
"""A field that is filled less often may have one value by chance."""


def fault(kind: str, name: str, counts: FieldCounts) -> str | None:
    """What is wrong with a field; None if nothing is."""
    if not counts.filled:
        return f"{kind} {name} is never filled" if kind == "slot" else None
    values = {meaning(text) for text in counts.values}
    if counts.filled >= LEAST_FILLED and len(values) == 1 and not counts.many_values:
        shown = shown_path(name) if kind == "argument" else name
        return f"{kind} {shown} always has the same value"
    return None
