"""The curves that runs are compared by."""

from __future__ import annotations

from collections.abc import Mapping

from trm_engine.printable import one_line
from trm_tui.sessions.run import AttachedRun
from trm_tui.store.group_trace import GroupTrace
from trm_tui.store.groups import Group
from trm_tui.store.growing import AXES, Growing
from trm_tui.store.trace import Trace

TRAINING_LOSS = "Training loss"
EVALUATED = {
    "Validation loss": "loss",
    "Exact match with values": "exact_match_values",
    "Decision accuracy": "decision.accuracy",
    "Tool accuracy": "tool.accuracy",
    "Slot accuracy": "slots.accuracy",
}
"""Titles of charts, with the metric that each shows."""


def group_trace(group: Group[AttachedRun], title: str) -> Trace:
    """The curve of a run, or the mean of a group with its band."""
    traces = [_trace(run, title, one_line(group.title)) for run in group.runs]
    return traces[0] if group.is_single else GroupTrace(one_line(group.title), traces)


def _trace(run: AttachedRun, title: str, name: str) -> Trace:
    store = run.store
    if title == TRAINING_LOSS:
        return Trace(name, store.columns["total_loss"], _axes(store.columns))
    return Trace(name, store.metrics[EVALUATED[title]], _axes(store.metrics), points=True)


def _axes(columns: Mapping[str, Growing]) -> dict[str, Growing]:
    return {axis: columns[axis] for axis in AXES}
