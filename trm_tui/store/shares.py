"""Shares: what a server answered, in rows, beside the shares of the validation set."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from trm_engine.serving.drift import ALIKE, ANSWER, DIFFERENT, EDGES, Shares
from trm_tui.store.traffic import Figures

OUTCOMES = {
    "call": ("call", "good"),
    "answer": ("no call", "good"),
    "abstain": ("abstained", "fair"),
    "forward": ("forwarded", "curve"),
}


@dataclass(frozen=True)
class ShareRow:
    """A name, how often it came, its share, and that in the validation set."""

    name: str
    count: float | None = None
    share: float | None = None
    validation: float | None = None
    look: str = "curve"


def outcome_rows(figures: Figures) -> list[ShareRow]:
    """What became of the answers since the server began."""
    total = sum(figures.outcomes.values())
    if not total:
        return []
    counts = [(name, figures.outcomes.get(name, 0.0)) for name in OUTCOMES]
    return [
        ShareRow(OUTCOMES[name][0], count, count / total, look=OUTCOMES[name][1])
        for name, count in counts
    ]


def notes_of(figures: Figures) -> str:
    """Requests that failed, wait, or could not be kept."""
    notes = [f"{figures.failed:,.0f} of {figures.requests:,.0f} requests refused or failed"]
    if figures.waiting:
        notes.append(f"{figures.waiting:,.0f} wait")
    return ", ".join(notes)


def action_rows(newest: Shares | None, validation: Shares | None) -> list[ShareRow]:
    """The newest answers by tool, the most frequent first; those without a call last."""
    if newest is None:
        return []
    known = validation.actions if validation else {}
    names = {*newest.actions, *known} - {ANSWER}
    ordered = sorted(names, key=lambda name: (-newest.actions.get(name, 0.0), name))
    return [
        ShareRow(
            "no call" if name == ANSWER else name,
            share=newest.actions.get(name, 0.0),
            validation=known.get(name, 0.0) if validation else None,
        )
        for name in (*ordered, ANSWER)
    ]


def confidence_rows(newest: Shares | None, validation: Shares | None) -> list[ShareRow]:
    """The newest answers by confidence, the surest first."""
    if newest is None:
        return []
    begins = (0.0, *EDGES[:-1])
    return [
        ShareRow(
            f"{begin:.2f} to {end:.2f}",
            share=newest.confidence[place],
            validation=validation.confidence[place] if validation else None,
        )
        for place, (begin, end) in reversed([*enumerate(zip(begins, EDGES, strict=True))])
    ]


def drift_note(drift: Mapping[str, float], of: str) -> str:
    """How far the newest answers are from the validation set, in words."""
    index = drift.get(of, math.nan)
    if math.isnan(index):
        return "drift: unknown yet"
    words = "alike" if index < ALIKE else "differs" if index < DIFFERENT else "differs much"
    return f"drift {index:.3f}: {words}"
