"""`trm-tui export`: write a model as a folder, and prove that it answers the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trm_engine.runs.folder import find_checkpoint
from trm_tui.commands.evaluate import worker_options
from trm_tui.plain.worker_answer import answer_of

MOST_SHOWN = 10
"""Differences that are printed; proof.json has all of them."""


def export(checkpoint: Path, out: Path, options: dict[str, Any], raw: bool, force: bool) -> int:
    """Export in a worker, then print the proof. Returns the exit status: 1 if it does not hold.

    Raises:
        UserError: the checkpoint cannot be exported, or the folder not be written.
        WorkerError: the worker ended without a result.
    """
    given = [*worker_options(options, raw), *(["--force"] * force)]
    files = str(find_checkpoint(checkpoint)), str(out)
    result = answer_of("export", *given, "--", *files, doing="exporting") or {}
    return _print(result, out)


def _print(result: dict[str, Any], out: Path) -> int:
    from msgspec import convert
    from rich.table import Table
    from rich.text import Text

    from trm_engine.exports.card import COSTS, summary
    from trm_engine.exports.proof import TOLERANCE, Proof
    from trm_engine.printable import one_line
    from trm_tui.text.console import table_console

    proof = convert(result, Proof)
    table = Table(title="One conversation at a time, on one thread", title_style="bold")
    for heading in ("", "Checkpoint", "Export"):
        table.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    for name, cost in COSTS.items():
        table.add_row(name, cost(proof.checkpoint), cost(proof.exported))
    console = table_console()
    console.print(table)
    console.print(Text(summary(proof)))
    for each in proof.differences[:MOST_SHOWN]:
        said = f"{one_line(each.checkpoint)} became {one_line(each.exported)}"
        console.print(Text(f"  sample {each.line}: {said}"))
    if len(proof.differences) > MOST_SHOWN:
        more = len(proof.differences) - MOST_SHOWN
        console.print(Text(f"  and {more:,} more: {out / 'proof.json'}"))
    if not proof.holds:
        console.print(Text(f"The export is not the same: more than {TOLERANCE:g}.", "bold red"))
        return 1
    console.print(Text(f"Exported to {out}"))
    return 0
