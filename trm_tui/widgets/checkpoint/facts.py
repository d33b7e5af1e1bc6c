"""CheckpointFacts: the summary of a model file, optionally compared with another one."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult

from trm_engine.printable import one_line
from trm_engine.runs.schema.evaluation import (
    HEADLINES,
    Evaluation,
    Metric,
    evaluation_of,
    shown,
)
from trm_engine.runs.schema.model_file import ModelSummary
from trm_tui.keys import ROWS, bindings
from trm_tui.text.clock import local_time
from trm_tui.text.figures import MARKS, NOTHING
from trm_tui.text.metrics import difference, direction, metric_grade, metric_text
from trm_tui.text.words import size
from trm_tui.widgets.table.drawing import Drawing
from trm_tui.widgets.table.scrolling import Scroller, ScrollKeys

WIDE = 120
"""From this width on, the metrics of one file are beside its facts."""

GAP = 2
DIFFERENT = "≠"
KINDS = {"checkpoint": "training checkpoint", "weights": "weights only"}


class CheckpointTable(Drawing):
    """The facts of one file, or of two files with their differences marked."""

    DEFAULT_CSS = """
    CheckpointTable {
        & > .facts--faint { color: $faint; }
        & > .facts--section { color: $primary; text-style: bold; }
        & > .facts--different { color: $accent; text-style: bold; }
        & > .facts--note { color: $fair; }
        & > .facts--good { color: $good; }
        & > .facts--fair { color: $fair; }
        & > .facts--poor { color: $poor; }
        & > .facts--none { color: $faint; }
    }
    """
    COMPONENT_CLASSES = {
        "facts--faint",
        "facts--section",
        "facts--different",
        "facts--note",
        "facts--good",
        "facts--fair",
        "facts--poor",
        "facts--none",
    }

    def __init__(self) -> None:
        super().__init__()
        self._summaries: list[ModelSummary] = []

    def show(self, summaries: Sequence[ModelSummary]) -> None:
        """Show one file, or two side by side."""
        self._summaries = list(summaries)
        self.invalidate()

    def draw(self, width: int) -> RenderableType:
        """All facts and metrics."""
        if not self._summaries:
            return self._text("opening…", "faint")
        facts, figures = list(self._facts()), list(self._figures())
        if width < WIDE or len(self._summaries) > 1:
            return Group(*self._heading(), *figures, *facts)
        columns = Table.grid(padding=(0, 2 * GAP, 0, 0), expand=True)
        columns.add_column(ratio=1)
        columns.add_column(ratio=1)
        columns.add_row(Group(*facts), Group(*figures))
        return columns

    # Facts

    def _heading(self) -> Iterator[RenderableType]:
        """The names of the files if there are two."""
        if len(self._summaries) > 1:
            names = zip(("this", "other"), short_names(self._summaries), strict=True)
            table = self._table(1)
            for which, name in names:
                table.add_row(self._text(which, "section"), Text(name))
            yield Group(table, "")

    def _facts(self) -> Iterator[RenderableType]:
        sections = {"File": file_facts, "Tokenizer": tokenizer_facts, "Labels": label_facts}
        for title, facts in sections.items():
            values = [dict(facts(summary)) for summary in self._summaries]
            below = self._notes() if title == "File" else ()
            yield self._headed(title, Group(self._facts_table(values), *below))

    def _notes(self) -> Iterator[Text]:
        for summary in self._summaries:
            for note in notes(summary):
                yield self._text(note, "note")

    def _facts_table(self, facts: Sequence[Mapping[str, str]]) -> Table:
        is_compared = len(facts) > 1
        table = self._table(len(facts), is_compared)
        if is_compared:
            table.add_row("", "", *(self._text(name, "faint") for name in ("this", "other")))
        for name in dict.fromkeys(name for each in facts for name in each):
            values = [one_line(each.get(name, NOTHING)) for each in facts]
            mark = DIFFERENT if len(set(values)) > 1 else " "
            marks = [self._text(mark, "different")] if is_compared else []
            table.add_row(self._text(name, "faint"), *marks, *map(Text, values))
        return table

    # Figures

    def _figures(self) -> Iterator[RenderableType]:
        measured = [evaluation_of(summary.metrics) for summary in self._summaries]
        if not any(measured):
            yield self._headed("Evaluation when it was saved", self._text("none", "faint"))
            return
        table = Table.grid(padding=(0, GAP, 0, 0))
        table.add_column(no_wrap=True)
        for _ in range(3):
            table.add_column(justify="right", no_wrap=True)
        if len(measured) > 1:
            titles = ("", "this", "other", "this - other")
            table.add_row(*(self._text(title, "faint") for title in titles))
        samples = [each.samples if each else None for each in measured]
        counts = ("" if each is None else f"{each:,}" for each in samples)
        table.add_row(self._text("Samples", "faint"), *counts)
        for metric in shown(HEADLINES, *measured):
            table.add_row(self._text(metric.title, "faint"), *self._cells(metric, measured))
        yield self._headed("Evaluation when it was saved", table)

    def _cells(self, metric: Metric, measured: Sequence[Evaluation | None]) -> Iterator[Text]:
        values = [metric.of(each) for each in measured]
        for value in values:
            quality = metric_grade(metric, value)
            look = "" if metric.kind in ("loss", "error") else quality
            yield self._text(f"{MARKS[quality]} {metric_text(metric, value)}", look)
        if len(values) == 2:
            arrow, text = difference(*values)
            yield self._text(f"{arrow} {text:>7}", direction(metric, arrow))

    # Parts

    def _table(self, values: int, is_marked: bool = False) -> Table:
        table = Table.grid(padding=(0, GAP, 0, 0))
        table.add_column(no_wrap=True)
        if is_marked:
            table.add_column(no_wrap=True, width=1)
        for _ in range(values):
            table.add_column(overflow="fold")
        return table

    def _headed(self, title: str, content: RenderableType) -> RenderableType:
        return Group(self._text(title, "section"), content, "")

    def _text(self, text: str, look: str) -> Text:
        return Text(text, self.look(f"facts--{look}") if look else "")


class CheckpointFacts(ScrollKeys):
    """The facts about a file, and the metrics at the time when it was saved."""

    ALLOW_MAXIMIZE = True
    BINDINGS = bindings(ROWS)

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.border_title = "Summary"
        self._table = CheckpointTable()
        self._shown: list[ModelSummary] = []

    def compose(self) -> ComposeResult:
        with Scroller():
            yield self._table

    def show(self, summary: ModelSummary | None, other: ModelSummary | None = None) -> None:
        """Show a file, optionally compared with another file's."""
        summaries = [each for each in (summary, other) if each is not None]
        if summaries != self._shown:
            self._shown = summaries
            self._table.show(summaries)


def file_facts(summary: ModelSummary) -> Iterator[tuple[str, str]]:
    """The kind of file, its origin and its weights."""
    version = summary.format_version
    yield "path", summary.path
    yield "kind", KINDS[summary.kind]
    yield "format", NOTHING if version is None else f"version {version}"
    yield "step", _count(summary.step)
    yield "epoch", _epoch(summary.epoch)
    if summary.best:
        yield "best so far", str(summary.best)
    yield "saved", local_time(summary.saved)
    yield "size", size(summary.bytes)
    yield "parameters", _count(summary.parameters)
    yield "EMA", "averaged and raw weights" if summary.has_ema else "none"
    yield "run", summary.run or "not found"
    yield "validation", summary.data or "not found"


def tokenizer_facts(summary: ModelSummary) -> Iterator[tuple[str, str]]:
    """The tokenizer in the file."""
    facts = summary.tokenizer
    if facts is None:
        yield "tokenizer", "none"
        return
    yield "pieces", _count(facts.pieces)
    yield "kind", facts.kind
    yield "case", '"A" and "a" are the same' if facts.folds_case else "kept"
    yield "fingerprint", facts.fingerprint


def label_facts(summary: ModelSummary) -> Iterator[tuple[str, str]]:
    """The numbers of tools, parameters and slots that the model knows."""
    labels = summary.labels
    if labels is None:
        yield "labels", "none"
        return
    yield "tools", _count(len(labels.get("tools") or ()))
    yield "parameters", _kinds(labels.get("args") or ())
    yield "slots", _kinds(labels.get("slots") or ())


def notes(summary: ModelSummary) -> Iterator[str]:
    """Where the missing parts of a file with weights only come from."""
    if summary.kind != "weights":
        return
    name = PurePath(summary.path).name
    parts_of: dict[str, list[str]] = {}
    for part, source in (summary.completed_by or {}).items():
        parts_of.setdefault(source, []).append(part)
    for source, parts in parts_of.items():
        yield one_line(f"{name} has weights only; {_listed(parts)} from {source}.")
    if not parts_of:
        yield one_line(f"{name} has weights only, and is not in a run folder.")


def short_names(summaries: Sequence[ModelSummary]) -> list[str]:
    """The files' paths without their common folders."""
    paths = [summary.path for summary in summaries]
    if len(set(paths)) == 1:
        return [one_line(path) for path in paths]
    try:
        shared = os.path.commonpath(paths)
    except ValueError:
        shared = ""
    return [one_line(os.path.relpath(path, shared) if shared else path) for path in paths]


def _kinds(fields: Iterable[Any]) -> str:
    """The number of fields, and how many of them are choices."""
    kinds = [each.get("kind") for each in fields if isinstance(each, Mapping)]
    choices = kinds.count("choice")
    return f"{len(kinds):,}" + (f", {choices:,} of them choices" if choices else "")


def _listed(parts: Sequence[str]) -> str:
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last


def _count(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else NOTHING


def _epoch(value: Any) -> str:
    return f"{value:g}" if isinstance(value, int | float) else NOTHING
