"""The tables of a server that is watched without a screen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.table import Table

from trm_engine.printable import one_line
from trm_tui.sessions.server import WatchedServer
from trm_tui.store.shares import (
    ShareRow,
    action_rows,
    confidence_rows,
    drift_note,
    notes_of,
    outcome_rows,
)
from trm_tui.store.traffic import quantile
from trm_tui.text.figures import percent


def server_tables(server: WatchedServer) -> Iterator[Table]:
    """What a server answered since it began, and how that compares with the validation set."""
    facts, figures = server.facts, server.traffic.now
    newest, validation = (facts.newest, facts.validation) if facts else (None, None)
    latency = [f"{1000 * quantile(figures.seconds, share):.1f}" for share in (0.5, 0.95)]
    title = f"{one_line(facts.model if facts else server.address)}: {notes_of(figures)}"
    caption = f"latency in ms: median {latency[0]}, 95th percentile {latency[1]}"
    yield _table(title, "Answer", outcome_rows(figures), caption)
    for name, rows in (
        ("Action", action_rows(newest, validation)),
        ("Confidence", confidence_rows(newest, validation)),
    ):
        of = "actions" if name == "Action" else "confidence"
        yield _table("", name, rows, drift_note(figures.drift, of))


def _table(title: str, name: str, rows: Sequence[ShareRow], caption: str) -> Table:
    table = Table(title=title or None, caption=caption, title_justify="left")
    table.add_column(name, no_wrap=True)
    for column in ("Number", "Share", "Validation"):
        table.add_column(column, justify="right", no_wrap=True)
    for row in rows:
        count = "" if row.count is None else f"{row.count:,.0f}"
        table.add_row(one_line(row.name), count, percent(row.share), percent(row.validation))
    return table
