"""`trm-tui inspect`: a checkpoint on the screen, as tables or as JSON."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trm_engine.errors import DataError
from trm_engine.files.jsonl import write_json
from trm_engine.runs.folder import find_checkpoint
from trm_tui.screens.show import has_screen, open_app

if TYPE_CHECKING:
    from trm_tui.screens.inspect import InspectScreen
    from trm_tui.sessions.checkpoint import CheckpointSession
    from trm_tui.settings import Remembered

Answer = dict[str, Any]


def inspect(
    checkpoint: Path,
    data: Path | None,
    tools: Path | None,
    other: Path | None,
    raw: bool,
    device: str,
    plain: bool,
    as_json: bool,
) -> int:
    """Show a checkpoint. Returns the exit status.

    Raises:
        UserError: a file is missing or invalid.
    """
    if tools and not data:
        raise DataError("--tools: is for the conversations of --data FILE; give it too")
    path = find_checkpoint(checkpoint)
    compared = find_checkpoint(other) if other else None
    if not (plain or as_json) and has_screen():
        from trm_tui.sessions.checkpoint import CheckpointSession

        return _show(CheckpointSession(path, data, tools, compared, raw, device))
    from trm_tui.plain.inspect_facts import collect

    facts = asyncio.run(collect(path, data, tools, compared, raw, device))
    if as_json:
        write_json(facts)
    else:
        _print(facts)
    return 0


def _show(session: CheckpointSession) -> int:
    screens: list[InspectScreen] = []

    def first(_remembered: Remembered) -> InspectScreen:
        from trm_tui.screens.inspect import InspectScreen

        screens.append(InspectScreen(session))
        return screens[0]

    status = open_app(first)
    if screens and screens[0].problem:
        raise screens[0].problem
    return status


def _print(facts: Answer) -> None:
    from trm_tui.plain.inspect_tables import tables_of
    from trm_tui.text.console import table_console

    console = table_console()
    for table in tables_of(facts):
        console.print(table)
        console.print()
