"""The tables of `trm-tui inspect --plain`: a checkpoint and its evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import convert
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from trm_engine.printable import one_line
from trm_engine.runs.schema.answers import FileEvaluation
from trm_engine.runs.schema.evaluation import HEADLINES, Evaluation, evaluation_of, shown
from trm_engine.runs.schema.model_file import ModelSummary, ParameterStats
from trm_engine.wording import counted
from trm_tui.plain.inspect_facts import judged_samples
from trm_tui.plain.tables import (
    EvaluationTables,
    checkpoint_table,
    parameters_table,
    steps_table,
)
from trm_tui.store.judged import LOSS, WRONG, Judged
from trm_tui.text.figures import loss_text, share_text
from trm_tui.text.metrics import difference, metric_text
from trm_tui.widgets.chart.halting_curve import summary_of
from trm_tui.widgets.checkpoint.judged_samples import ANSWER, NO_TOOL, SHORT
from trm_tui.widgets.run.config import settings_of

Facts = Mapping[str, Any]

WORST = 10
MOST_NAME = 20
GAP = 2


def tables_of(facts: Facts) -> Iterator[RenderableType]:
    """All tables, in the order of the screen's tabs."""
    summary, other = convert(facts["summary"], ModelSummary), facts.get("other")
    beside = convert(other["summary"], ModelSummary) if other else None
    yield checkpoint_table(summary)
    if summary.config:
        yield config_table(summary, beside)
    if facts["labels"]:
        yield tools_table(facts["labels"])
    yield parameters_table(convert(facts["parameters"], list[ParameterStats]))
    if "evaluation" in facts:
        yield from _evaluation_tables(facts["evaluation"])
    if other and beside:
        yield checkpoint_table(beside)
        yield from _comparison(facts, other)


def config_table(summary: ModelSummary, other: ModelSummary | None = None) -> RenderableType:
    """The settings that differ from the defaults, or from another checkpoint."""
    config = other.config if other else None
    settings = settings_of(summary.config or {}, summary.defaults, config)
    is_compared = config is not None
    beside = {each: each.other if is_compared else each.default for each in settings}
    different = {each: text for each, text in beside.items() if text is not None}
    what = "differs between the two" if is_compared else "differs from the defaults"
    if not different:
        return Text(f"No setting {what}.")
    table = _table("Setting", "Value", "Other" if is_compared else "Default")
    for each, text in different.items():
        table.add_row(*map(Text, (f"{each.section}.{each.name}", each.value, text)))
    return table


def tools_table(labels: Facts) -> Table:
    """Every tool with its parameters, and the number of values of each choice."""
    table = _table("Tool", "Parameters")
    for tool in labels["tools"]:
        parameters = ", ".join(map(_parameter, tool["parameters"]))
        table.add_row(Text(one_line(tool["name"])), Text(parameters))
    return table


def errors_table(evaluation: Facts, most: int = WORST) -> RenderableType:
    """The wrong samples with the highest loss."""
    samples = judged_samples(evaluation)
    view = samples.view(WRONG, LOSS)
    if not len(view):
        return Text("No sample is wrong.")
    title = f"Worst Errors\n{min(most, len(view)):,} of {counted(len(view), 'wrong sample')}"
    table = Table(title=title, title_style="bold", box=None, padding=(0, GAP, 0, 0), expand=True)
    for heading in ("Line", "Loss", "Conf."):
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in ("Truth", "Model"):
        table.add_column(heading, no_wrap=True, max_width=MOST_NAME, overflow="ellipsis")
    table.add_column("Wrong", no_wrap=True)
    table.add_column("Text", no_wrap=True, ratio=1, overflow="ellipsis")
    for index in view[:most].tolist():
        table.add_row(*map(Text, _error_cells(samples[index])))
    return table


def comparison_table(evaluation: Evaluation | None, other: Evaluation | None, title: str) -> Table:
    """The headline metrics of two checkpoints, and the difference: first minus second."""
    table = Table(title=title, title_style="bold")
    table.add_column("Metric", no_wrap=True)
    for heading in ("This", "Other", "This - Other"):
        table.add_column(heading, justify="right", no_wrap=True)
    for metric in shown(HEADLINES, evaluation, other):
        values = metric.of(evaluation), metric.of(other)
        arrow, text = difference(*values)
        texts = (metric_text(metric, value) for value in values)
        table.add_row(metric.title, *texts, f"{arrow} {text}".rstrip())
    return table


def _evaluation_tables(evaluation: Facts) -> Iterator[RenderableType]:
    found = convert(evaluation, FileEvaluation)
    yield EvaluationTables(
        found.metrics, f"Evaluation Results\n{counted(found.metrics.samples or 0, 'sample')}"
    )
    yield steps_table(found.metrics.by_step)
    yield Text(summary_of(found.halting_curve, found.cheapest_halting))
    yield errors_table(evaluation)


def _comparison(facts: Facts, other: Facts) -> Iterator[RenderableType]:
    """The metrics of both checkpoints: of the evaluation, else those saved in the files."""
    if "evaluation" not in facts:
        this, that = (evaluation_of(part["summary"]["metrics"]) for part in (facts, other))
        if this or that:
            yield comparison_table(this, that, "When They Were Saved")
        return
    this, that = (evaluation_of(part["evaluation"]["metrics"]) for part in (facts, other))
    title = f"Compared\n{counted(this.samples or 0 if this else 0, 'sample')}"
    yield comparison_table(this, that, title)
    ours, theirs = (len(facts["compared"][f"only_{who}_right"]) for who in ("this", "other"))
    yield Text(
        f"Right only in this one: {counted(ours, 'sample')}; only in the other one: {theirs:,}."
    )


def _error_cells(sample: Judged) -> tuple[str, ...]:
    return (
        f"{sample.line}",
        loss_text(sample.loss),
        share_text(sample.confidence),
        _call(sample.truth),
        _call(sample.predicted),
        ", ".join(SHORT.get(part, part) for part in sample.wrong),
        one_line(sample.text),
    )


def _call(tool: str | None) -> str:
    return ANSWER if tool is None else one_line(tool) or NO_TOOL


def _parameter(parameter: Facts) -> str:
    choices = (
        f" ({counted(len(parameter['values']), 'choice')})" if parameter["kind"] == "choice" else ""
    )
    return one_line(parameter["name"]) + choices


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0))
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table
