"""A pane alone on a screen, what it shows as text, and goldens to compare that with."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from textual.app import ComposeResult
from textual.geometry import Region
from textual.widget import Widget

from trm_engine.files.jsonl import to_line
from trm_engine.runs.schema.events import Evaluated, decode_event
from trm_tui.theme import ThemedApp

GOLDENS = Path(__file__).with_name("goldens")


class PaneApp(ThemedApp):
    """Shows one widget as a pane; ``heard`` is for the messages that a test listens to."""

    CSS_PATH = Path(__file__).parents[2] / "trm_tui" / "trm_tui.tcss"

    def __init__(self, pane: Widget) -> None:
        super().__init__()
        self.pane = pane
        self.heard: list[Any] = []

    def compose(self) -> ComposeResult:
        """The pane, as large as the screen."""
        self.pane.add_class("panel")
        yield self.pane


def text_of(pane: Widget) -> str:
    """The lines of a pane's content, without its border."""
    width, height = pane.size
    strips = pane.render_lines(Region(0, 0, *pane.outer_size))
    left, top = pane.gutter.left, pane.gutter.top
    lines = [strip.crop(left, left + width).text.rstrip() for strip in strips[top : top + height]]
    return "\n".join(lines) + "\n"


def assert_golden(name: str, text: str) -> None:
    """``text`` is what the file in ``goldens/`` says; UPDATE_GOLDENS=1 writes it."""
    path = GOLDENS / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDENS"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def evaluation(number: int, steps: int = 2, slots: int = 3, samples: int = 8) -> Evaluated:
    """``evaluation_record`` as it is read."""
    return event_of(evaluation_record(number, steps, slots, samples))


def event_of(record: Mapping[str, Any]) -> Any:
    """The event of a record that may lack number and time."""
    event = decode_event(to_line({"seq": 0, "t": 1.0, **record}))
    assert event, record
    return event


def evaluation_record(
    number: int, steps: int = 2, slots: int = 3, samples: int = 8
) -> dict[str, Any]:
    """An ``eval`` event, the ``number``-th (from 0) of a run that learns."""
    learnt = 1 - 0.5 / (number + 1)
    return {
        "type": "eval",
        "step": 200 * (number + 1),
        "epoch": number + 1.0,
        "seconds": 3.04,
        "t": 1000.0 + number,
        "best": True,
        "metrics": {
            "loss": 1.5 / (number + 1),
            "decision": {"accuracy": learnt, "f1": learnt - 0.02},
            "tool": {"accuracy": learnt - 0.01},
            "arguments": {"accuracy": None},
            "slots": _slots(learnt, slots),
            "exact_match": learnt - 0.1,
            "exact_match_values": learnt - 0.2,
            "by_step": [_step(step, learnt) for step in range(1, steps + 1)],
            "halting": {"threshold": 0.9, "mean_steps": 1.3, "exact_match": 0.881},
            "shown": [_sample(index, number, steps) for index in range(samples)],
            "worst": [_sample(index, number, steps) for index in range(100, 120)],
        },
    }


def _slots(learnt: float, count: int) -> dict[str, Any]:
    per_slot = {
        f"restaurant_{index}.number_of_seats" if index else "phone": {
            "accuracy": learnt - 0.1 * (index % 4),
            "value_accuracy": None if index == 2 else learnt - 0.08 * index % 1,
            "filled": 0 if index == 2 else 1200 - index,
        }
        for index in range(count)
    }
    all_slots = {"accuracy": learnt, "value_accuracy": learnt - 0.05, "values": 3400}
    return {**all_slots, "all_right": learnt - 0.06, "per_slot": per_slot}


def _step(step: int, learnt: float) -> dict[str, Any]:
    right = learnt - 0.2 / step
    return {
        "step": step,
        "loss": 1.2 / step,
        "decision_accuracy": right + 0.1,
        "tool_accuracy": None if step == 1 else right,
        "slot_accuracy": right + 0.05,
        "exact_match": right,
        "exact_match_values": right - 0.1,
        "q": right,
    }


def _sample(index: int, number: int, steps: int) -> dict[str, Any]:
    calls = index % 2 == 0
    wrong = index % 4 > number
    probability = min(0.5 + 0.1 * (number + 1), 0.99) if calls != wrong else 0.1
    return {
        "index": index,
        "line": 100 * index + 7,
        "text": f"sample {index}: [bold]please[/] check\tmy\x1b[31m bill 日本 👍, it is too high",
        "decision": "tool_call" if calls else "direct_answer",
        "tool": "check_bill" if calls else None,
        "predicted_tool": "check_bill",
        "decision_probability": [
            round(probability * step / steps, 4) for step in range(1, steps + 1)
        ],
        "q": [round(0.9 * step / steps, 4) for step in range(1, steps + 1)],
        "loss": 0.5 / (number + 1),
        "wrong": ["decision", "slot presence"] if wrong else [],
    }
