"""The headline metrics of an evaluation, and their differences."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trm_tui.text.figures import DOWN, SAME, UP, figure, loss_text, share_text

Metrics = Mapping[str, Any]


@dataclass(frozen=True)
class Headline:
    """A headline metric. ``short`` is its name in narrow columns.

    Higher is better, except for a loss.
    """

    name: str
    short: str
    path: tuple[str, ...]
    is_loss: bool = False

    def of(self, metrics: Metrics | None) -> float | None:
        """The metric's value; None if it is unknown."""
        return figure(metrics, *self.path)

    def text(self, value: float | None) -> str:
        """A share with four decimals, or a loss in six characters."""
        return loss_text(value) if self.is_loss else share_text(value, 4)

    def look(self, arrow: str) -> str:
        """The grade of a change in this direction."""
        if arrow in ("", SAME):
            return "none"
        return "good" if arrow == (DOWN if self.is_loss else UP) else "poor"


HEADLINES = (
    Headline("Decision Accuracy", "decision", ("decision", "accuracy")),
    Headline("Decision F1", "decision F1", ("decision", "f1")),
    Headline("Tool Accuracy", "tool", ("tool", "accuracy")),
    Headline("Argument Accuracy", "arguments", ("arguments", "accuracy")),
    Headline("Slot Accuracy (Overall)", "slots", ("slots", "accuracy")),
    Headline("All Slots Right", "all slots", ("slots", "all_right")),
    Headline("Slot Value Accuracy", "slot values", ("slots", "value_accuracy")),
    Headline("Exact Match", "exact", ("exact_match",)),
    Headline("Exact Match + Values", "exact+values", ("exact_match_values",)),
    Headline("Loss", "loss", ("loss",), is_loss=True),
)


def difference(value: float | None, other: float | None) -> tuple[str, str]:
    """An arrow and ``value`` - ``other`` with four decimals."""
    if value is None or other is None or not math.isfinite(value - other):
        return "", ""
    text = f"{value - other:+.4f}"
    if float(text) == 0:
        return SAME, ""
    return (UP if value > other else DOWN), text
