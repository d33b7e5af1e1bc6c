"""A sweep's trials and result, for terminals without the screen."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from trm_engine.printable import one_line
from trm_tui.sessions.sweep import SweepSession, Trial
from trm_tui.store.groups import short_name
from trm_tui.text.figures import NOTHING
from trm_tui.text.metrics import metric_text
from trm_tui.text.words import shell_word


def params_text(trial: Trial) -> str:
    """The settings of a trial in one line."""
    return " ".join(f"{short_name(key)}={value_text(value)}" for key, value in trial.params.items())


def value_text(value: object) -> str:
    """A setting in at most four digits."""
    return f"{value:.4g}" if isinstance(value, float) else one_line(str(value))


def trial_line(session: SweepSession, trial: Trial) -> str:
    """One trial that has ended."""
    best = session.best
    value = NOTHING if trial.value is None else metric_text(session.metric, trial.value)
    mark = "  best so far" if best is trial else ""
    note = f"  {one_line(trial.note)}" if trial.note else ""
    text = f"trial {trial.number}  {trial.state:<8}  {session.metric.choice} {value}"
    return f"{text}  {params_text(trial)}{mark}{note}"


def result_tables(session: SweepSession) -> Iterator[RenderableType]:
    """The trials, best first, the importance of the settings, and what comes next."""
    if not session.trials:
        return
    sign = -1 if session.metric.higher_is_better else 1
    ordered = sorted(
        session.trials,
        key=lambda each: (each.state != "finished", each.value is None, sign * (each.value or 0)),
    )
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("Trial", "State", session.metric.choice):
        table.add_column(heading, no_wrap=True)
    keys = list(session.plan.settings)
    for key in keys:
        table.add_column(short_name(key), justify="right", no_wrap=True)
    for trial in ordered:
        value = NOTHING if trial.value is None else metric_text(session.metric, trial.value)
        params = (value_text(trial.params.get(key, NOTHING)) for key in keys)
        table.add_row(str(trial.number), trial.state, value, *params)
    yield table
    if session.importance:
        shares = (f"{short_name(key)} {share:.0%}" for key, share in session.importance.items())
        yield Text(f"importance: {', '.join(shares)}")
    if best := session.best:
        yield Text(f"best: {shell_word(best.folder.path)}")
    if not session.is_complete:
        yield Text("The same command goes on with this sweep.")
