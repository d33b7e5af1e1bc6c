"""RunDetail: what the list has no columns for, of the run or group under the cursor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content

from trm_engine.printable import one_line
from trm_engine.runs.schema.evaluation import METRICS, Metric
from trm_engine.runs.summary import RunSummary
from trm_engine.wording import counted
from trm_tui.store.comparison import COUNTED_BY
from trm_tui.store.groups import Values, different_settings, only
from trm_tui.store.run_list import Row
from trm_tui.store.spread import Difference, Spread, difference
from trm_tui.text.figures import MARKS, bar
from trm_tui.text.metrics import (
    difference_look,
    difference_text,
    metric_grade,
    metric_text,
    spread_text,
)
from trm_tui.widgets.run.config import ConfigView
from trm_tui.widgets.table.columns import Cells, Column, Layout
from trm_tui.widgets.table.rows import RowsView

SHORT = max(len(each.short) for each in METRICS)
LONG = max(len(each.title) for each in METRICS)

Spreads = Mapping[str, Spread | None]


class RunFigures(RowsView):
    """Each metric of the best evaluation, of the newest one, and the difference to the baseline."""

    EMPTY = "No evaluation yet"

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._metrics: list[Metric] = []
        self._best: Spreads = {}
        self._last: Spreads = {}
        self._minus: dict[str, Difference | None] = {}

    def show(self, row: Row | None, base: Row | None) -> None:
        """Show a row of the list; ``base`` is that of the baseline."""
        runs = row.runs if row else ()
        self._best, self._last = _spreads(runs, "best"), _spreads(runs, "last")
        self._metrics = [each for each in METRICS if self._best[each.name]]
        self._minus = {}
        if row and base and row.key != base.key:
            other = _spreads(base.runs, "best")
            counts = _samples(runs), _samples(base.runs)
            for name, spread in self._best.items():
                known = counts if COUNTED_BY.get(name) == "samples" else (None, None)
                self._minus[name] = difference(spread, other[name], known)
        self.border_title = Content(one_line(_title(row))) if row else ""
        samples = _samples(runs)
        self.border_subtitle = Content(counted(samples, "sample") if samples else "")
        self.invalidate()

    def row_count(self) -> int:
        """One row for each metric that is known."""
        return len(self._metrics)

    def columns(self) -> Sequence[Column]:
        """Narrow panes keep the best figures."""
        wide = max((len(self._text(each, self._best)) for each in self._metrics), default=0)
        columns = [
            Column("name", "", SHORT, most=LONG, left=True),
            Column("best", "best", max(wide, 6), gap=2),
            Column("mark", "", 1, rank=1),
            Column("bar", "", 6, rank=4, most=20, left=True),
            Column("last", "newest", max(wide, 6), rank=3, gap=2),
        ]
        if self._minus:
            wide = max(len(difference_text(each)) for each in self._minus.values())
            columns.append(Column("minus", "− baseline", max(wide, 10), rank=2, gap=2, left=True))
        return columns

    def cells(self, row: int, layout: Layout) -> Cells:
        """One metric."""
        metric = self._metrics[row]
        best, minus = self._best[metric.name], self._minus.get(metric.name)
        look = metric_grade(metric, best.mean if best else None)
        is_share = metric.kind == "share"
        return {
            "name": (metric.title if layout["name"] >= LONG else metric.short, ""),
            "best": (self._text(metric, self._best), look),
            "mark": (MARKS[look] if is_share else "", look),
            "bar": (bar(best.mean if best and is_share else None, layout["bar"]), look),
            "last": (self._text(metric, self._last), "none"),
            "minus": (difference_text(minus) if minus else "", difference_look(metric, minus)),
        }

    def _text(self, metric: Metric, spreads: Spreads) -> str:
        spread = spreads[metric.name]
        if spread and spread.deviation is None:
            return metric_text(metric, spread.mean)
        return spread_text(metric, spread)


class RunDetail(Horizontal):
    """Figures, and the settings that are not the default."""

    DEFAULT_CSS = """
    RunDetail { height: 3fr; }
    RunDetail > * { width: 1fr; height: 1fr; }
    """

    def compose(self) -> ComposeResult:
        """Two panes."""
        yield RunFigures(classes="panel")
        yield ConfigView(classes="panel")

    def show(self, row: Row | None, base: Row | None) -> None:
        """Show a row of the list; ``base`` is that of the baseline."""
        self.query_one(RunFigures).show(row, base)
        config: Values = row.group.config if row else {}
        keys = different_settings(config, _defaults()) if config else ()
        self.query_one(ConfigView).show(only(config, keys), _defaults())


def _title(row: Row) -> str:
    """The name, with the note of a single run."""
    if row.run is None:
        return row.group.title
    note = row.run.about.note
    return f"{row.run.title} · {note}" if note else row.run.title


def _spreads(runs: Sequence[RunSummary], which: str) -> Spreads:
    """Each metric over the best or the last evaluations of runs."""
    known = [score.metrics for run in runs if (score := getattr(run, which))]
    return {each.name: Spread.of([one.get(each.name) for one in known]) for each in METRICS}


def _samples(runs: Sequence[RunSummary]) -> int | None:
    """The number of samples that the best evaluation of a run is over."""
    return next((run.best.samples for run in runs if run.best), None)


@cache
def _defaults() -> Values:
    from trm_engine.config import Config  # takes 0.1 s

    return Config().to_dict()
