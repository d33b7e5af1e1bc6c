"""The table of runs, for terminals without the screen."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from trm_engine.printable import one_line
from trm_engine.runs.schema.evaluation import BY_CHOICE
from trm_tui.store.groups import short_name
from trm_tui.store.run_list import Row, RunList, value_text
from trm_tui.text.figures import NOTHING
from trm_tui.text.metrics import difference_text, metric_text, spread_text
from trm_tui.text.words import age


def runs_table(runs: RunList) -> Table:
    """Runs with state, progress, best evaluation and the settings in which they differ."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("Run", overflow="fold")
    table.add_column("State", no_wrap=True)
    headings = ["Step", "Of", "Best", "Best At", "Age"]
    settings = [short_name(key) for key in runs.settings]
    baseline = ["− Baseline"] if runs.baseline else []
    for heading in (*headings, *baseline, *settings):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in runs.rows:
        table.add_row(
            Text(_name(row)), *_figures(row), *_difference(runs, row), *_values(runs, row)
        )
    return table


def _name(row: Row) -> str:
    """The path, or the name that the user gave."""
    if row.run is None:
        return one_line(row.group.title)
    return one_line(row.run.about.name or str(row.run.path))


def _figures(row: Row) -> list[str]:
    started = [run.started for run in row.runs if run.started]
    return [
        ", ".join(dict.fromkeys(run.state or "unknown" for run in row.runs)),
        _numbers([run.step for run in row.runs]),
        _numbers([run.total_steps for run in row.runs]),
        _best(row),
        _numbers([run.best.step for run in row.runs if run.best]),
        age(time.time() - max(started)) if started else NOTHING,
    ]


def _best(row: Row) -> str:
    spread = row.score
    if spread is None:
        return str(row.run.best.score) if row.run and row.run.best else NOTHING
    metric = BY_CHOICE[row.metric]
    one = metric_text(metric, spread.mean)
    return f"{row.metric} {one if spread.deviation is None else spread_text(metric, spread)}"


def _difference(runs: RunList, row: Row) -> list[str]:
    if runs.baseline is None:
        return []
    is_it = row.key == runs.baseline.key or not row.metric
    return ["" if is_it else difference_text(row.minus(runs.baseline))]


def _values(runs: RunList, row: Row) -> list[str]:
    return [one_line(value_text(row, key)) or NOTHING for key in runs.settings]


def _numbers(numbers: Sequence[int | None]) -> str:
    """The number of all, or the least and the most."""
    known = sorted({number for number in numbers if number is not None})
    ends = dict.fromkeys([*known[:1], *known[-1:]])
    return "–".join(f"{number:,}" for number in ends) or NOTHING
