"""Tables of runs, evaluations and checkpoints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from trm_engine.printable import one_line
from trm_engine.runs.best import reported_score
from trm_engine.runs.schema.evaluation import (
    HEADLINES,
    METRICS,
    SHARES,
    BinaryFigures,
    Evaluation,
    Slot,
    StepFigures,
    Tools,
    shown,
)
from trm_engine.runs.schema.events import Evaluated, RunStarted
from trm_engine.runs.schema.model_file import ModelSummary, ParameterStats
from trm_engine.wording import counted
from trm_tui.text.figures import NOTHING, grade, share_text
from trm_tui.text.metrics import metric_text
from trm_tui.text.words import size

GAP = 2
COLOURS = {"good": "green", "fair": "yellow", "poor": "red", "none": "dim"}
BEGIN_GROUPS = {"tool.accuracy", "slots.accuracy", "exact_match"}
"""A table has a blank line before each of these metrics."""

Metrics = Mapping[str, Any]


class EvaluationTables:
    """The tables of one evaluation, side by side if the width allows it."""

    def __init__(self, evaluation: Evaluation, title: str) -> None:
        self._matrix = decision_matrix(evaluation.decision)
        self._results = results_table(evaluation, title)
        self._slots = slot_table(evaluation.slots.per_slot or {})
        self._note = _other_tools(evaluation.tool)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        left = _stacked([self._matrix, self._slots])
        widths = [console.measure(each, options=options).maximum for each in (left, self._results)]
        if sum(widths) + GAP <= options.max_width:
            grid = Table.grid(padding=(0, GAP, 0, 0))
            grid.add_row(left, self._results)
            yield grid
        else:
            yield _stacked([self._matrix, self._results, self._slots])
        if self._note:
            yield self._note


def decision_matrix(decision: BinaryFigures) -> Table:
    """The confusion matrix of decisions; tool_call is the positive class."""
    table = Table(title="Decision Confusion Matrix", title_style="bold")
    table.add_column("Actual \\ Predicted", no_wrap=True)
    table.add_column("tool_call", justify="right", min_width=10, no_wrap=True)
    table.add_column("direct_answer", justify="right", no_wrap=True)
    table.add_row("tool_call", f"{decision.tp:,} (TP)", f"{decision.fn:,} (FN)")
    table.add_row("direct_answer", f"{decision.fp:,} (FP)", f"{decision.tn:,} (TN)")
    return table


def results_table(evaluation: Evaluation, title: str) -> Table:
    """All metrics."""
    table = Table(title=title, title_style="bold")
    table.add_column("Metric", no_wrap=True)
    table.add_column("Value", justify="right", min_width=14, no_wrap=True)
    for metric in shown(METRICS, evaluation):
        if metric.name in BEGIN_GROUPS:
            table.add_row()
        text = metric_text(metric, metric.of(evaluation))
        if metric.name == "tool.accuracy":
            text += f" of {evaluation.tool.samples:,}"
        if metric.name == "coverage.answered" and evaluation.coverage.threshold is not None:
            text += f" (≥ {evaluation.coverage.threshold:.3f})"
        table.add_row(metric.title, text)
    return table


def slot_table(per_slot: Mapping[str, Slot]) -> Table | None:
    """Presence accuracy of each slot: green from 0.9, yellow from 0.7, red below."""
    if not per_slot:
        return None
    table = Table(title="Per-Slot Accuracy", title_style="bold")
    table.add_column("Slot Field", min_width=15, max_width=48, no_wrap=True)
    table.add_column("Accuracy", justify="right")
    for name, slot in per_slot.items():
        shown = Text(share_text(slot.accuracy, 4), COLOURS[grade(slot.accuracy)])
        table.add_row(Text(one_line(name)), shown)
    return table


def steps_table(by_step: Sequence[StepFigures]) -> Table:
    """The headline metrics after each supervision step, to show what recursion adds."""
    metrics = [metric for metric in SHARES if metric.by_step]
    table = Table(title="By Supervision Step", title_style="bold")
    for heading in ("Step", *(metric.short.capitalize() for metric in metrics), "q"):
        table.add_column(heading, justify="right")
    for step in by_step:
        shares = [*(metric.at_step(step) for metric in metrics), step.q]
        table.add_row(str(step.step), *(share_text(share, 4) for share in shares))
    return table


def run_table(started: RunStarted, folder: Path) -> Table:
    """Run folder, model, device, data and steps, from a ``run_started`` event."""
    train, val = started.data.train, started.data.val
    begin = f", from step {started.resumed_from:,}" if started.resumed_from else ""
    rows = {
        "run": str(folder),
        "model": f"{started.parameters['total']:,} parameters, {started.dtype}",
        "device": started.device,
        "data": f"{counted(train.samples, 'training sample')}, "
        f"{counted(val.samples, 'validation sample')}",
        "steps": updates_of(started) + begin,
    }
    table = Table.grid(padding=(0, 2, 0, 0))
    for name, value in rows.items():
        table.add_row(name, Text(one_line(value)))
    return table


def updates_of(started: RunStarted) -> str:
    """The updates of a run and of its epochs, from its ``run_started`` event."""
    total, first = started.total_steps, started.steps_per_epoch
    sizes = {end - begin for begin, end in pairwise([0, *(started.epoch_ends or ())])}
    if not sizes:
        return f"{total:,}, {first:,} in the first epoch"
    least, most = f"{min(sizes):,}", f"{max(sizes):,}"
    return f"{total:,}, {least if least == most else f'{least} to {most}'} an epoch"


def final_table(final: Evaluated, best: Evaluated | None) -> Table:
    """The headline metrics of a run's last evaluation and of its best one."""
    title, columns = "Final Evaluation", {"Final": final}
    if best:
        score = reported_score(best)
        title = "Final and Best Evaluation" + (f"\nbest: {score}" if score else "")
        columns = {"Final = Best": final} if final is best else {"Final": final, "Best": best}
    table = Table(title=title, title_style="bold")
    table.add_column("Metric", no_wrap=True)
    for heading in columns:
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_row("Step", *(f"{event.step:,}" for event in columns.values()))
    for metric in shown(HEADLINES, *(event.metrics for event in columns.values())):
        values = (metric.of(event.metrics) for event in columns.values())
        table.add_row(metric.title, *(metric_text(metric, value) for value in values))
    return table


def checkpoint_table(summary: ModelSummary) -> Table:
    """The summary of a checkpoint."""
    labels, tokenizer = summary.labels or {}, summary.tokenizer
    saved = datetime.fromtimestamp(summary.saved).strftime("%Y-%m-%d %H:%M:%S")
    rows = {
        "file": summary.path,
        "kind": f"{summary.kind}, format {summary.format_version or NOTHING}",
        "saved": f"{saved}, {size(summary.bytes)}",
        "step": None if summary.step is None else f"{summary.step:,}",
        "epoch": summary.epoch,
        "best so far": summary.best,
        "parameters": f"{summary.parameters:,}{', with average' * summary.has_ema}",
        "slots": ", ".join(field["name"] for field in labels.get("slots") or []),
        "tokenizer": f"{tokenizer.pieces:,} pieces, {tokenizer.kind}" if tokenizer else None,
        "completed by": ", ".join(sorted(set((summary.completed_by or {}).values()))),
        "validation": summary.data,
    }
    table = Table.grid(padding=(0, 2, 0, 0))
    for name, value in rows.items():
        if value:
            table.add_row(name, Text(one_line(str(value))))
    return table


def parameters_table(tensors: Sequence[ParameterStats]) -> Table:
    """Shape, size and statistics of every tensor; counts of NaN and infinite values if any."""
    faults = [kind for kind in ("nan", "inf") if any(getattr(each, kind) for each in tensors)]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("Tensor", overflow="fold")
    for heading in ("Shape", "Count", "Norm", "Mean", "Largest", "EMA Off", *faults):
        table.add_column(heading, justify="right", no_wrap=True)
    for tensor in tensors:
        table.add_row(
            Text(one_line(tensor.name)),
            "×".join(map(str, tensor.shape)),
            f"{tensor.count:,}",
            *map(_significant, (tensor.norm, tensor.mean, tensor.max_abs)),
            _significant(tensor.ema.relative if tensor.ema else None),
            *(Text(f"{getattr(tensor, kind):,}", "bold red") for kind in faults),
        )
    return table


def _significant(number: float | None) -> str:
    return NOTHING if number is None else f"{number:.4g}"


def _other_tools(tools: Tools) -> Text | None:
    """What the accuracy of the tool says about tools that training never saw."""
    lines = []
    if tools.new and tools.new_accuracy is not None:
        calls = counted(tools.new, "call")
        lines.append(
            f"{calls} of tools that training never saw: accuracy {tools.new_accuracy:.4f}."
        )
    if tools.unknown:
        calls = counted(tools.unknown, "call")
        lines.append(f"{calls} of tools that are defined nowhere; counted as errors.")
    return Text("\n".join(lines), "yellow") if lines else None


def _stacked(tables: Iterable[Table | None]) -> RenderableType:
    """Stack the tables that are not None, with a blank line between them."""
    stack = Table.grid()
    for position, table in enumerate(filter(None, tables)):
        if position:
            stack.add_row()
        stack.add_row(table)
    return stack
