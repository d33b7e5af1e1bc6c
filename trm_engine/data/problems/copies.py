"""Copies: conversations that are nearly the same, in the file and across the split."""

from __future__ import annotations

from trm_engine.data.problems.kind import Kind

WITHIN = Kind(
    name="copies",
    title="Near copies in the file",
    explanation=(
        "Another conversation of the file says nearly the same: most of the words are equal, "
        "numbers and case aside. Such samples weigh twice, and teach little."
    ),
    repair="Keep one of them, or write the others anew.",
    cost="low",
)
ACROSS = Kind(
    name="copies-across",
    title="Near copies across the split",
    explanation=(
        "The sample has nearly the same words as one on the other side of the split, numbers and "
        "case aside. The model has seen it, so its evaluation flatters."
    ),
    repair="Leave the sample out on one side.",
    cost="high",
)
