"""`trm-tui watch` and `trm-tui runs`: show existing runs, or a server."""

from __future__ import annotations

import os
import re
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import structs

from trm_engine.errors import RunError, did_you_mean, no_such_file
from trm_engine.files.jsonl import write_json
from trm_engine.runs.folder import RunFolder, list_runs
from trm_tui.screens.show import has_screen, open_app, show_run

if TYPE_CHECKING:
    from textual.screen import Screen

    from trm_engine.runs.summary import RunSummary
    from trm_tui.sessions.server import WatchedServer
    from trm_tui.settings import Remembered
    from trm_tui.store.run_list import RunList


ADDRESS = re.compile(r"(?:https?://\S+|(?:[\w.-]+|\[[\da-fA-F:]+\]):\d+)")


def is_address(text: str) -> bool:
    """Whether a text is the address of a server, not a path."""
    return bool(ADDRESS.fullmatch(text)) and not Path(text).exists()


def watch(subject: str | None, api_key: str | None, plain: bool) -> int:
    """Show a server at an address, the run in a folder, or the newest run."""
    if subject and is_address(subject):
        from trm_engine.serving.settings import API_KEY
        from trm_tui.sessions.server import WatchedServer

        key = os.environ.get(API_KEY) if api_key is None else api_key
        return watch_server(WatchedServer(subject, key), plain)
    return watch_run(Path(subject) if subject else None, plain)


def watch_server(server: WatchedServer, plain: bool) -> int:
    """Show a server: on the screen, or its figures once. Returns the exit status.

    Raises:
        ServerError: there is none, or it cannot be watched.
    """
    server.take(server.look())
    if not plain and has_screen():
        return open_app(partial(_server_screen, server))
    from trm_tui.plain.server_tables import server_tables
    from trm_tui.text.console import table_console

    for table in server_tables(server):
        table_console().print(table)
    return 0


def _server_screen(server: WatchedServer, _remembered: Remembered) -> Screen[None]:
    from trm_tui.screens.server import ServerScreen

    return ServerScreen(server)


def watch_run(path: Path | None, plain: bool) -> int:
    """Show the run in a folder, or the newest run. Returns the exit status."""
    folder = find_run_folder(path)
    if not plain and has_screen():
        return show_run(folder)
    from trm_tui.plain.viewer import PlainViewer

    return PlainViewer(folder, folder.read_config(), from_end=False).watch()


def find_run_folder(path: Path | None) -> RunFolder:
    """The run in a folder, or the newest run.

    Raises:
        RunError: there is none.
    """
    if path is None:
        runs = list_runs()
        if not runs:
            from trm_tui.commands.init import how_to_train

            raise RunError(f"outputs: there is no run yet; start one: {how_to_train()}")
        return runs[0]
    folder = RunFolder(path if path.is_dir() or path.name != "config.yaml" else path.parent)
    if not folder.exists():
        beside = [str(each.parent) for each in path.parent.glob("*/config.yaml")]
        raise RunError(f"{path}: the folder contains no run{did_you_mean(str(path), beside)}")
    return folder


@dataclass(frozen=True)
class ListOptions:
    """Which runs to list, in which order."""

    filter: str = ""
    sort: str = ""
    reverse: bool = False
    by_seed: bool = False
    archived: bool = False


def show_runs(parent: Path, plain: bool, as_json: bool, options: ListOptions) -> None:
    """Show the runs in a folder: on the screen, as a table or as JSON.

    Raises:
        RunError: there is no such folder.
        FilterError: the filter or the order is invalid.
    """
    from trm_engine.runs.summary import summarise
    from trm_tui.store.run_list import NEWEST, RunList

    if not parent.is_dir():
        raise RunError(no_such_file(parent, "*"))
    is_screen = not (plain or as_json) and has_screen()
    runs = RunList()
    runs.filter(options.filter)
    runs.sort_by(options.sort or NEWEST, options.reverse)
    runs.show(by_seed=options.by_seed or is_screen, archived=options.archived)
    if is_screen:
        open_app(partial(_runs_screen, parent, runs))
        return
    runs.set_runs([summarise(run) for run in list_runs(parent)])
    if as_json:
        write_json([_record(each) for row in runs.rows for each in row.runs])
        return
    from trm_tui.plain.runs_table import runs_table
    from trm_tui.text.console import table_console

    none = f"No run in {parent}{' fits' * bool(runs.hidden)}."
    table_console().print(runs_table(runs) if runs.rows else none)


def _runs_screen(parent: Path, runs: RunList, remembered: Remembered) -> Screen[None]:
    from trm_tui.screens.runs import RunsScreen

    return RunsScreen(parent, remembered, runs)


def _record(summary: RunSummary) -> dict[str, Any]:
    about = structs.asdict(summary.about)
    return {**asdict(summary), "path": str(summary.path), "about": about}
