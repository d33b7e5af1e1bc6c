"""`trm-tui inspect`: on the screen, as tables, or for machines."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from trm_engine.runs.folder import find_checkpoint
from trm_engine.runs.serving import InferenceServer
from trm_tui.show_run import has_screen, open_app

if TYPE_CHECKING:
    from trm_tui.inspected import Inspected
    from trm_tui.screens.inspect import InspectScreen
    from trm_tui.settings import Remembered

Answer = dict[str, Any]


def inspect(
    checkpoint: Path,
    data: Path | None,
    other: Path | None,
    raw: bool,
    device: str,
    plain: bool,
    as_json: bool,
) -> int:
    """Show a checkpoint; return the exit status.

    Raises:
        UserError: a file is missing or is not what it should be.
    """
    path = find_checkpoint(checkpoint)
    compared = find_checkpoint(other) if other else None
    if not (plain or as_json) and has_screen():
        from trm_tui.inspected import Inspected

        return _show(Inspected(path, data, compared, raw, device))
    facts = asyncio.run(_collect(path, data, compared, raw, device))
    if as_json:
        typer.echo(json.dumps(facts, ensure_ascii=False))
    else:
        _print(facts)
    return 0


def _show(inspected: Inspected) -> int:
    screens: list[InspectScreen] = []

    def first(_remembered: Remembered) -> InspectScreen:
        from trm_tui.screens.inspect import InspectScreen

        screens.append(InspectScreen(inspected))
        return screens[0]

    status = open_app(first)
    if screens and screens[0].problem:
        raise screens[0].problem
    return status


async def _collect(
    path: Path, data: Path | None, other: Path | None, raw: bool, device: str
) -> dict[str, Any]:
    """All that the screen would show; figures of an evaluation only where data is named."""
    server = InferenceServer(device)
    try:
        facts = {
            "summary": await server.ask("open", path=str(path)),
            "parameters": (await server.ask("parameters", path=str(path)))["tensors"],
        }
        if data:
            facts["evaluation"] = await _evaluated(server, path, data, raw)
        if other:
            facts["other"] = {"summary": await server.ask("open", path=str(other))}
            if data:
                facts["other"]["evaluation"] = await _evaluated(server, other, data, raw)
        return facts
    finally:
        await server.close()


async def _evaluated(server: InferenceServer, path: Path, data: Path, raw: bool) -> Answer:
    return await server.ask("evaluate", path=str(path), data=str(data), raw=raw)


def _print(facts: Answer) -> None:
    from trm_tui.tables import (
        EvaluationTables,
        checkpoint_table,
        parameters_table,
        steps_table,
        table_console,
    )

    console = table_console()
    for part in (facts, facts.get("other")):
        if not part:
            continue
        console.print(checkpoint_table(part["summary"]))
        if "parameters" in part:
            console.print()
            console.print(parameters_table(part["parameters"]))
        if "evaluation" in part:
            metrics = part["evaluation"]["metrics"]
            console.print()
            title = f"Evaluation Results\n{metrics['samples']:,} samples"
            console.print(EvaluationTables(metrics, title))
            console.print(steps_table(metrics["by_step"]))
        console.print()
