"""RunsPane: the runs of a folder, with a filter, and what the selected one is."""

from __future__ import annotations

from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical

from trm_tui.store.run_list import RunList
from trm_tui.widgets.run.run_detail import RunDetail
from trm_tui.widgets.run.runs_table import RunsTable
from trm_tui.widgets.table.search_bar import SearchBar

EXAMPLE = "val.exact>0.95 and lr<1e-3, or words"


class RunsPane(Vertical):
    """The table, the filter below it and, in a high terminal, the selected run."""

    DEFAULT_CSS = "RunsPane > RunsTable { height: 2fr; }"

    def __init__(self, title: str, runs: RunList, **options: Any) -> None:
        super().__init__(**options)
        self.table = RunsTable(runs, classes="panel")
        self.table.border_title = title
        self._bar = SearchBar(EXAMPLE)

    def compose(self) -> ComposeResult:
        yield self.table
        yield self._bar
        yield RunDetail()

    @on(RunsTable.Selected)
    def _show_selected(self, event: RunsTable.Selected) -> None:
        event.stop()
        self.query_one(RunDetail).show(self.table.selected, self.table.list.baseline)

    @on(RunsTable.FilterRequested)
    def _open_filter(self) -> None:
        self._bar.open()

    @on(RunsTable.FilterClosed)
    def _close_filter(self) -> None:
        self.table.focus()
        self._bar.close()

    @on(SearchBar.Changed)
    def _filter(self, event: SearchBar.Changed) -> None:
        event.stop()
        self.table.filter(event.words)

    @on(SearchBar.Submitted)
    def _leave_filter(self, event: SearchBar.Submitted) -> None:
        event.stop()
        self.table.focus()

    def key_escape(self) -> None:
        """Close the filter while it is typed."""
        if self._bar.is_open:
            self._close_filter()
