"""`trm-tui watch` and `trm-tui runs`: show existing runs."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trm_engine.errors import RunError, did_you_mean, no_such_file
from trm_engine.files.jsonl import write_json
from trm_engine.runs.folder import RunFolder, list_runs
from trm_tui.screens.show import has_screen, open_app, show_run

if TYPE_CHECKING:
    from textual.screen import Screen

    from trm_engine.runs.summary import RunSummary
    from trm_tui.settings import Remembered


def watch_run(path: Path | None, plain: bool) -> int:
    """Show the run in a folder, or the newest run. Returns the exit status."""
    folder = _run(path)
    config = folder.read_config()
    if not plain and has_screen():
        return show_run(folder, config)
    from trm_tui.plain.viewer import PlainViewer

    return PlainViewer(folder, config, from_end=False).watch()


def _run(path: Path | None) -> RunFolder:
    if path is None:
        runs = list_runs()
        if not runs:
            raise RunError(
                "outputs: there is no run yet; start one: trm-tui train configs/default.yaml"
            )
        return runs[0]
    folder = RunFolder(path if path.is_dir() or path.name != "config.yaml" else path.parent)
    if not folder.exists():
        beside = [str(each.parent) for each in path.parent.glob("*/config.yaml")]
        raise RunError(f"{path}: the folder contains no run{did_you_mean(str(path), beside)}")
    return folder


def show_runs(parent: Path, plain: bool, as_json: bool) -> None:
    """Show the runs in a folder: on the screen, as a table or as JSON."""
    if not parent.is_dir():
        raise RunError(no_such_file(parent, "*"))
    if not (plain or as_json) and has_screen():
        open_app(partial(_runs_screen, parent))
        return
    from trm_engine.runs.summary import summarise

    summaries = [summarise(run) for run in list_runs(parent)]
    if as_json:
        write_json([_record(each) for each in summaries])
        return
    from trm_tui.plain.tables import runs_table
    from trm_tui.text.console import table_console

    table_console().print(runs_table(summaries) if summaries else f"No run in {parent}.")


def _runs_screen(parent: Path, remembered: Remembered) -> Screen[None]:
    from trm_tui.screens.runs import RunsScreen

    return RunsScreen(parent, remembered)


def _record(summary: RunSummary) -> dict[str, Any]:
    return {**asdict(summary), "path": str(summary.path)}
