"""Tables of a run and its evaluations: decisions, results, slots, supervision steps."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from trm_engine.files.jsonl import number
from trm_engine.printable import one_line
from trm_engine.runs.best import Score, score_told
from trm_engine.runs.summary import RunSummary
from trm_tui.text.words import age, size

GOOD = 0.9
FAIR = 0.7
NOTHING = "–"
GAP = 2
HEADLINES = {
    "Decision Accuracy": ("decision", "accuracy"),
    "Tool Accuracy": ("tool", "accuracy"),
    "Argument Accuracy": ("arguments", "accuracy"),
    "Slot Accuracy (Overall)": ("slots", "accuracy"),
    "Slot Value Accuracy": ("slots", "value_accuracy"),
    "Exact Match": ("exact_match",),
    "Exact Match + Values": ("exact_match_values",),
}

Metrics = Mapping[str, Any]


class EvaluationTables:
    """The tables of one evaluation, beside each other where the width allows it."""

    def __init__(self, metrics: Metrics, title: str) -> None:
        self._matrix = decision_matrix(metrics["decision"])
        self._results = results_table(metrics, title)
        self._slots = slot_table(metrics["slots"].get("per_slot") or {})
        self._note = _unknown_tools(metrics["tool"].get("unknown"))

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


def decision_matrix(decision: Metrics) -> Table:
    """Actual against predicted decisions; tool_call is the positive one."""
    table = Table(title="Decision Confusion Matrix", title_style="bold")
    table.add_column("Actual \\ Predicted", no_wrap=True)
    table.add_column("tool_call", justify="right", min_width=10, no_wrap=True)
    table.add_column("direct_answer", justify="right", no_wrap=True)
    cells = {
        name: f"{decision.get(name, 0):,} ({name.upper()})" for name in ("tp", "fn", "fp", "tn")
    }
    table.add_row("tool_call", cells["tp"], cells["fn"])
    table.add_row("direct_answer", cells["fp"], cells["tn"])
    return table


def results_table(metrics: Metrics, title: str) -> Table:
    """The headline numbers."""
    table = Table(title=title, title_style="bold")
    table.add_column("Metric", no_wrap=True)
    table.add_column("Value", justify="right", min_width=14, no_wrap=True)
    decision, tool, slots = metrics["decision"], metrics["tool"], metrics["slots"]
    table.add_row("Decision Accuracy", ratio(decision["accuracy"]))
    table.add_row("Decision Precision", ratio(decision.get("precision")))
    table.add_row("Decision Recall", ratio(decision.get("recall")))
    table.add_row("Decision F1", ratio(decision["f1"]))
    table.add_row()
    table.add_row("Tool Accuracy", f"{ratio(tool['accuracy'])} ({tool.get('samples', 0):,} s)")
    table.add_row("Argument Accuracy", ratio(metrics["arguments"]["accuracy"]))
    table.add_row()
    table.add_row("Slot Accuracy (Overall)", ratio(slots["accuracy"]))
    table.add_row("Slot Value Accuracy", ratio(slots["value_accuracy"]))
    table.add_row()
    table.add_row("Exact Match", ratio(metrics["exact_match"]))
    table.add_row("Exact Match + Values", ratio(metrics["exact_match_values"]))
    return table


def slot_table(per_slot: Mapping[str, Metrics]) -> Table | None:
    """Presence accuracy of each slot: green from 0.9, yellow from 0.7, red below."""
    if not per_slot:
        return None
    table = Table(title="Per-Slot Accuracy", title_style="bold")
    table.add_column("Slot Field", min_width=15, max_width=48, no_wrap=True)
    table.add_column("Accuracy", justify="right")
    for name, slot in per_slot.items():
        table.add_row(
            Text(one_line(name)),
            Text(ratio(slot.get("accuracy")), colour_of(slot.get("accuracy"))),
        )
    return table


def steps_table(by_step: Sequence[Metrics]) -> Table:
    """The headline numbers after each supervision step: what recursion adds."""
    table = Table(title="By Supervision Step", title_style="bold")
    columns = {
        "Step": "step",
        "Decision": "decision_accuracy",
        "Tool": "tool_accuracy",
        "Slots": "slot_accuracy",
        "Exact": "exact_match",
        "+ Values": "exact_match_values",
        "q": "q",
    }
    for heading in columns:
        table.add_column(heading, justify="right")
    for row in by_step:
        step, *shares = (row.get(key) for key in columns.values())
        table.add_row(str(step), *map(ratio, shares))
    return table


def run_table(started: Metrics, folder: Path) -> Table:
    """What is trained, where, and on what, from a ``run_started`` event."""
    train, val = started["data"]["train"], started["data"]["val"]
    begin = f", from step {started['resumed_from']:,}" if started.get("resumed_from") else ""
    rows = {
        "run": str(folder),
        "model": f"{started['parameters']['total']:,} parameters, {started['dtype']}",
        "device": started["device"],
        "data": f"{train['samples']:,} samples to learn from, {val['samples']:,} to judge by",
        "steps": updates_of(started) + begin,
    }
    table = Table.grid(padding=(0, 2, 0, 0))
    for name, value in rows.items():
        table.add_row(name, Text(one_line(value)))
    return table


def updates_of(started: Metrics) -> str:
    """How many updates a run and its epochs have, from its ``run_started`` event."""
    total, first = started.get("total_steps"), started.get("steps_per_epoch")
    sizes = {end - begin for begin, end in pairwise([0, *started.get("epoch_ends", ())])}
    if not sizes:
        return f"{_count(total)}, {_count(first)} in the first epoch"
    least, most = _count(min(sizes)), _count(max(sizes))
    return f"{_count(total)}, {least if least == most else f'{least} to {most}'} an epoch"


def best_evaluation(events: Iterable[Metrics]) -> Metrics | None:
    """The ``eval`` event of a run's best evaluation; None if there is none."""
    return next((each for each in reversed(_evaluations(events)) if each.get("best")), None)


def final_table(events: Sequence[Metrics]) -> Table | None:
    """The headline numbers of a run's last evaluation and of its best; None if there is none."""
    evaluations = _evaluations(events)
    if not evaluations:
        return None
    final, best = evaluations[-1], best_evaluation(events)
    title, columns = "Final Evaluation", {"Final": final}
    if best:
        score = score_told(best)
        title = "Final and Best Evaluation" + (f"\nbest: {score}" if score else "")
        columns = {"Final = Best": final} if final is best else {"Final": final, "Best": best}
    table = Table(title=title, title_style="bold")
    table.add_column("Metric", no_wrap=True)
    for heading in columns:
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_row("Step", *(f"{event['step']:,}" for event in columns.values()))
    for name, path in HEADLINES.items():
        table.add_row(name, *(ratio(_at(event["metrics"], path)) for event in columns.values()))
    return table


def checkpoint_table(summary: Metrics) -> Table:
    """What a checkpoint says of itself, as ``inspect`` tells it."""
    labels, tokenizer = summary["labels"] or {}, summary["tokenizer"] or {}
    saved = datetime.fromtimestamp(summary["saved"]).strftime("%Y-%m-%d %H:%M:%S")
    rows = {
        "file": summary["path"],
        "kind": f"{summary['kind']}, format {summary['format_version'] or NOTHING}",
        "saved": f"{saved}, {size(summary['bytes'])}",
        "step": None if summary["step"] is None else f"{summary['step']:,}",
        "epoch": summary["epoch"],
        "best so far": best_of(summary),
        "parameters": f"{summary['parameters']:,}{', with average' * summary['has_ema']}",
        "slots": ", ".join(field["name"] for field in labels.get("slots") or []),
        "tokenizer": f"{tokenizer['pieces']:,} pieces, {tokenizer['kind']}" if tokenizer else None,
        "completed by": ", ".join(sorted(set((summary["completed_by"] or {}).values()))),
        "validation": summary["data"],
    }
    table = Table.grid(padding=(0, 2, 0, 0))
    for name, value in rows.items():
        if value:
            table.add_row(name, Text(one_line(str(value))))
    return table


def best_of(summary: Metrics) -> str | None:
    """The best score of a checkpoint's run so far, as ``inspect`` tells it."""
    best = summary.get("best")
    return str(Score(**best)) if best else None


def parameters_table(tensors: Sequence[Metrics]) -> Table:
    """Shape, size and figures of every tensor; what is not a number is counted if there is any."""
    counted = [kind for kind in ("nan", "inf") if any(tensor[kind] for tensor in tensors)]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("Tensor", overflow="fold")
    for heading in ("Shape", "Count", "Norm", "Mean", "Largest", "EMA Off", *counted):
        table.add_column(heading, justify="right", no_wrap=True)
    for tensor in tensors:
        average = tensor["ema"]
        table.add_row(
            Text(one_line(tensor["name"])),
            "×".join(map(str, tensor["shape"])),
            f"{tensor['count']:,}",
            *(_significant(tensor[key]) for key in ("norm", "mean", "max_abs")),
            _significant(average["relative"]) if average else NOTHING,
            *(Text(f"{tensor[kind]:,}", "bold red") for kind in counted),
        )
    return table


def runs_table(runs: Iterable[RunSummary]) -> Table:
    """Runs with their state, how far they are, and their best evaluation."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("Run", overflow="fold")
    table.add_column("State", no_wrap=True)
    for heading in ("Step", "Of", "Best", "Best At", "Age"):
        table.add_column(heading, justify="right", no_wrap=True)
    for run in runs:
        best = run.best
        table.add_row(
            Text(one_line(str(run.path))),
            run.state or "unknown",
            f"{run.step:,}",
            NOTHING if run.total_steps is None else f"{run.total_steps:,}",
            str(best.score) if best else NOTHING,
            f"{best.step:,}" if best else NOTHING,
            age(time.time() - run.started) if run.started else NOTHING,
        )
    return table


def _count(number: Any) -> str:
    return f"{number:,}" if isinstance(number, int) else NOTHING


def _significant(number: Any) -> str:
    return NOTHING if not isinstance(number, int | float) else f"{number:.4g}"


def ratio(share: float | None) -> str:
    """Four decimals; a dash for a ratio over nothing."""
    value = number(share)
    return NOTHING if value is None else f"{value:.4f}"


def colour_of(share: float | None) -> str:
    """The colour that says how good a share is."""
    share = number(share)
    if share is None or share != share:
        return "dim"
    return "green" if share >= GOOD else "yellow" if share >= FAIR else "red"


def _evaluations(events: Iterable[Metrics]) -> list[Metrics]:
    """The evaluations that count: none of steps that a later start did again."""
    found: list[Metrics] = []
    for event in events:
        if event["type"] == "run_started":
            resumed_from = event.get("resumed_from") or 0
            found = [each for each in found if each["step"] <= resumed_from]
        elif event["type"] == "eval":
            found.append(event)
    return found


def _at(metrics: Any, path: Sequence[str]) -> Any:
    for key in path:
        metrics = metrics[key]
    return metrics


def _unknown_tools(count: int | None) -> Text | None:
    if not count:
        return None
    samples = "1 sample calls a tool" if count == 1 else f"{count:,} samples call tools"
    return Text(f"{samples} that training never saw; counted as errors.", "yellow")


def _stacked(tables: Iterable[Table | None]) -> RenderableType:
    """The tables that there are, with a blank line between."""
    stack = Table.grid()
    for position, table in enumerate(filter(None, tables)):
        if position:
            stack.add_row()
        stack.add_row(table)
    return stack
