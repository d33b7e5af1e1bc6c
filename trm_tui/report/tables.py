"""The tables of a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from trm_engine.config import BUILTIN_PREFIX, Config
from trm_engine.files.jsonl import to_json
from trm_engine.printable import one_line
from trm_engine.runs.best import reported_score
from trm_engine.runs.schema.evaluation import (
    HEADLINES,
    SHARES,
    BinaryFigures,
    Evaluation,
    Metric,
    Tools,
    shown,
)
from trm_engine.runs.schema.events import Evaluated
from trm_tui.sessions.run import AttachedRun
from trm_tui.store.comparison import Compared
from trm_tui.store.confusion import Confusion
from trm_tui.store.groups import Group, Values, different_settings, differing, flat
from trm_tui.text.figures import NOTHING, grade, share_text
from trm_tui.text.metrics import (
    difference_look,
    difference_text,
    metric_grade,
    metric_text,
    spread_text,
)
from trm_tui.widgets.run.facts import model_facts, run_facts, software


@dataclass(frozen=True)
class Cell:
    """``look``: good, fair, poor, none, strong or "". ``heat``: 0 to 1, the ground's strength."""

    text: str
    look: str = ""
    heat: float | None = None


@dataclass(frozen=True)
class Table:
    """A table; the first column has names. A table without rows is left out."""

    title: str
    headings: list[str]
    rows: list[list[Cell]] = field(default_factory=list)
    note: str = ""


def facts(run: AttachedRun) -> Table:
    """When, where and on what a run was trained."""
    started = run.store.started
    rows = [("state", run.state), ("folder", str(run.folder.path))]
    if started:
        train, val = started.data.train, started.data.val
        rows += [*run_facts(started), *model_facts(started)]
        given = str(started.config.get("data", {}).get("train_data", ""))
        source = given if given.startswith(BUILTIN_PREFIX) else train.path
        rows.append(("training data", f"{source}: {train.samples:,} samples"))
        rows.append(("validation data", f"{val.path}: {val.samples:,} samples"))
        rows += software(started)
    cells = [[Cell(one_line(name)), Cell(one_line(str(value)))] for name, value in rows]
    return Table("Run", ["", ""], cells)


def results(final: Evaluated, best: Evaluated) -> Table:
    """The metrics of the best and of the final evaluation."""
    columns = {"best": best} if best is final else {"best": best, "final": final}
    score = reported_score(best)
    headings = ["metric", *(f"{name} (step {each.step:,})" for name, each in columns.items())]
    rows = [
        [Cell(metric.title), *(_metric_cell(metric, each.metrics) for each in columns.values())]
        for metric in shown(HEADLINES, *(each.metrics for each in columns.values()))
    ]
    samples = best.metrics.samples
    notes = [f"Best by {score}." if score else "", f"{samples:,} samples." if samples else ""]
    return Table("Evaluation", headings, rows, " ".join(filter(None, notes)))


def steps(evaluation: Evaluation) -> Table:
    """The headline metrics after each supervision step."""
    metrics = [metric for metric in SHARES if metric.by_step]
    rows = [
        [
            Cell(str(step.step)),
            *(_share(metric.at_step(step)) for metric in metrics),
            Cell(share_text(step.q)),
        ]
        for step in evaluation.by_step
    ]
    headings = ["step", *(metric.short for metric in metrics), "q"]
    return Table("By supervision step", headings, rows)


def decision_matrix(decision: BinaryFigures) -> Table:
    """The decisions: true ones in rows, predicted ones in columns."""
    counts = [[decision.tp, decision.fn], [decision.fp, decision.tn]]
    if not sum(map(sum, counts)):
        return Table("Decisions", [])
    rows = [
        [
            Cell(name),
            *(Cell(f"{count:,}", "", count / (sum(row) or 1)) for count in row),
        ]
        for name, row in zip(("tool_call", "direct_answer"), counts, strict=True)
    ]
    headings = ["true \\ predicted", "tool_call", "direct_answer"]
    return Table("Decisions", headings, rows)


def tool_matrix(tool: Tools) -> Table:
    """The tools: true ones in rows, predicted ones in columns, with recall."""
    confusion = Confusion.of(tool)
    if not confusion.counts.any():
        return Table("Tools", [])
    shares = confusion.shares("row %")
    rows = [
        [
            Cell(one_line(name)),
            *(
                Cell(f"{count:,}" if count else "·", "" if count else "none", float(share))
                for count, share in zip(confusion.counts[row], shares[row], strict=True)
            ),
            _share(_known(confusion.recall[row])),
        ]
        for row, name in enumerate(confusion.rows)
    ]
    headings = ["true \\ predicted", *map(one_line, confusion.columns), "recall"]
    return Table("Tools", headings, rows)


def slots(evaluation: Evaluation) -> Table:
    """Presence and values of each slot."""
    rows = [
        [
            Cell(one_line(name)),
            *(_share(value) for value in (slot.accuracy, slot.f1, slot.value_accuracy)),
            Cell(f"{slot.filled:,}"),
        ]
        for name, slot in (evaluation.slots.per_slot or {}).items()
    ]
    return Table("Slots", ["slot", "presence", "F1", "value", "filled"], rows)


def changed_settings(config: Values) -> Table:
    """The settings that are not the defaults."""
    defaults = flat(Config().to_dict())
    values = flat(config)
    rows = [
        [Cell(key), Cell(_value(values.get(key))), Cell(_value(defaults.get(key)), "none")]
        for key in different_settings(config, Config().to_dict())
    ]
    return Table("Settings that are not the defaults", ["setting", "value", "default"], rows)


def comparison(groups: Sequence[Group[AttachedRun]]) -> Table:
    """The best evaluations of each group, and the differences from the first one."""
    metrics = [*SHARES, *(metric for metric in HEADLINES if metric.name == "loss")]
    compared = [
        Compared.of(best.metrics if (best := run.store.best) else None for run in group.runs)
        for group in groups
    ]
    rows = []
    for group, each in zip(groups, compared, strict=True):
        texts = [spread_text(metric, each.spreads[metric.name]) for metric in metrics]
        rows.append([Cell(one_line(group.title), "strong"), *map(Cell, texts)])
        if group is not groups[0]:
            rows.append(_differences(each, compared[0], metrics, one_line(groups[0].title)))
    headings = ["run", *(metric.short for metric in metrics)]
    return Table("Comparison", headings, rows, _how_sure(groups))


def differing_settings(groups: Sequence[Group[AttachedRun]]) -> Table:
    """The settings in which the groups differ."""
    keys = differing(group.config for group in groups)
    rows = [
        [Cell(key), *(Cell(_value(flat(group.config).get(key))) for group in groups)]
        for key in keys
    ]
    headings = ["setting", *(one_line(group.title) for group in groups)]
    return Table("Settings that differ", headings, rows)


def _value(value: Any) -> str:
    """A setting as YAML has it."""
    return one_line(value if isinstance(value, str) else to_json(value))


def _differences(
    each: Compared, base: Compared, metrics: Sequence[Metric], name: str
) -> list[Cell]:
    found = each.minus(base)
    cells = [
        Cell(difference_text(found[metric.name]), difference_look(metric, found[metric.name]))
        for metric in metrics
    ]
    return [Cell(f"− {name}", "none"), *cells]


def _how_sure(groups: Sequence[Group[AttachedRun]]) -> str:
    best = "The best evaluation of each run."
    if all(group.is_single for group in groups):
        return (
            f"{best} ± is half of the 95 % interval of a difference, from the number of samples "
            "alone; another seed may differ more."
        )
    return (
        f"{best} After a mean, ± is the standard deviation over seeds; after a difference, half of "
        "its 95 % interval (Student, pooled). Coloured differences are clear."
    )


def _metric_cell(metric: Metric, evaluation: Evaluation) -> Cell:
    value = metric.of(evaluation)
    return Cell(metric_text(metric, value), metric_grade(metric, value))


def _share(share: float | None) -> Cell:
    return Cell(NOTHING if share is None else share_text(share), grade(share))


def _known(value: float) -> float | None:
    return float(value) if value == value else None
