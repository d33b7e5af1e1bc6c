"""What a report says: charts, tables, errors and configurations, without their markup."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from trm_engine.printable import one_line
from trm_engine.runs.about import About, read_about
from trm_tui.report import svg
from trm_tui.report.errors import Error, worst_errors
from trm_tui.report.tables import (
    Table,
    changed_settings,
    comparison,
    decision_matrix,
    differing_settings,
    facts,
    results,
    slots,
    steps,
    tool_matrix,
)
from trm_tui.sessions.curves import EVALUATED, TRAINING_LOSS, group_trace
from trm_tui.sessions.run import AttachedRun
from trm_tui.store.groups import Group, group_runs
from trm_tui.text.words import shell_word


@dataclass(frozen=True)
class Chart:
    """A title and an SVG picture."""

    title: str
    svg: str


@dataclass(frozen=True)
class RunPart:
    """What a report says of one run. ``problems`` are its failure and alarms."""

    name: str
    state: str
    about: About
    problems: list[str]
    tables: list[Table]
    errors: list[Error]
    config: str
    repeat: str


@dataclass(frozen=True)
class Report:
    """The whole report. ``charts`` and ``tables`` are about all runs."""

    title: str
    charts: list[Chart]
    tables: list[Table]
    runs: list[RunPart] = field(default_factory=list)


def report_of(runs: Sequence[AttachedRun]) -> Report:
    """The report of runs that have read all their events. The first one is the baseline."""
    groups = group_runs(runs, lambda run: run.folder.path.name, lambda run: run.config.to_dict())
    is_one = len(runs) == 1
    names = [one_line(group.title) for group in groups]
    return Report(
        title=names[0] if len(groups) == 1 else f"{names[0]} and {len(groups) - 1} more",
        charts=[
            Chart(title, picture)
            for title in (TRAINING_LOSS, *EVALUATED)
            if (picture := svg.chart([group_trace(group, title) for group in groups]))
        ],
        tables=[] if is_one else _compared(groups),
        runs=[_run_part(run) for run in runs],
    )


def _compared(groups: Sequence[Group[AttachedRun]]) -> list[Table]:
    tables = [comparison(groups), differing_settings(groups)]
    return [table for table in tables if table.rows]


def _run_part(run: AttachedRun) -> RunPart:
    store = run.store
    best = store.best or (store.evaluations[-1] if store.evaluations else None)
    tables = [facts(run)]
    if best:
        evaluation = best.metrics
        tables += [
            results(store.evaluations[-1], best),
            steps(evaluation),
            decision_matrix(evaluation.decision),
            tool_matrix(evaluation.tool),
            slots(evaluation),
        ]
    tables.append(changed_settings(run.config.to_dict()))
    failure = [store.failure.message] if store.failure else []
    return RunPart(
        name=one_line(run.folder.path.name),
        state=run.state,
        about=read_about(run.folder),
        problems=[*failure, *store.alarms],
        tables=[table for table in tables if table.rows],
        errors=worst_errors(store.started, best.metrics) if best else [],
        config=run.config.dump(),
        repeat=_repeat(run),
    )


def _repeat(run: AttachedRun) -> str:
    """The commands that repeat a run."""
    started = run.store.started
    revision = started.git_revision if started else None
    lines = [f"git checkout {revision}"] if revision else []
    config = shell_word(run.folder.config)
    lines.append(f"trm-tui train {config} --output-dir {shell_word(f'{run.folder.path}-repeated')}")
    return "\n".join(lines)
