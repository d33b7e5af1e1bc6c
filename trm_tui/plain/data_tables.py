"""Tables of a data file: its statistics and its problems."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from trm_engine.printable import one_line
from trm_engine.wording import counted
from trm_tui.text.console import table_console
from trm_tui.text.figures import NOTHING

MOST_NOTES, MOST_LINES = 5, 12


def print_statistics(found: Mapping[str, Any]) -> None:
    """Print what ``file_statistics`` returns."""
    console = table_console()
    conversations = counted(found["conversations"], "conversation")
    heading = f"{found['file']}: {counted(found['samples'], 'sample')} of {conversations}"
    console.print(Text(one_line(heading)), soft_wrap=True)
    tables = [
        decision_table(found["decisions"], found["samples"]),
        tool_table(found["tools"]),
        value_table("Slots", "Slot Field", found["slots"]),
        value_table("Arguments", "Parameter", found["arguments"]),
        length_table(found["lengths"]),
    ]
    for table in tables:
        if table.row_count:
            console.print()
            console.print(table)
    console.print("\nBy User, Said, Anywhere: share of values that occur verbatim in those turns")
    never = found["tools"]["never_called"]
    if never:
        console.print(Text(f"Offered but never called: {one_line(', '.join(never))}"))


def print_view(found: Mapping[str, Any]) -> None:
    """Print what ``DataView.to_dict`` returns."""
    print_statistics(found)
    console = table_console()
    scripts = ", ".join(f"{name} {count:,}" for name, count in found["scripts"].items())
    console.print(f"Scripts of the last user turn: {scripts}")
    for note in found["notes"]:
        console.print(Text(one_line(note)))
    against = f" against {found['against']}" if found["against"] else ""
    if not found["problems"]:
        console.print(Text(one_line(f"\nNo problems{against}.")))
        return
    console.print()
    console.print(problem_table(found["problems"], found["samples"], f"Problems{against}"))
    for problem in found["problems"]:
        _print_problem(problem, console)


def problem_table(problems: Iterable[Mapping[str, Any]], samples: int, title: str) -> Table:
    """One row a kind of problem, most costly first."""
    table = _table(one_line(title), "Problem")
    table.add_column("Cost")
    for heading in ("Samples", "Share"):
        table.add_column(heading, justify="right", no_wrap=True)
    for each in problems:
        count = each["samples"]
        table.add_row(each["title"], each["cost"], f"{count:,}", percent(count / samples))
    return table


def _print_problem(problem: Mapping[str, Any], console: Console) -> None:
    """Explanation, repair, what was found, and the first samples."""
    console.print()
    title = f"{problem['title']}: {counted(problem['samples'], 'sample')}"
    console.print(Text(title, "bold"))
    console.print(Text(f"{problem['explanation']} {problem['repair']}"))
    notes = list(problem["found"].items())
    for note, count in notes[:MOST_NOTES]:
        console.print(Text(f"  {count:>7,}  {one_line(note)}"))
    if len(notes) > MOST_NOTES:
        console.print(f"           and {len(notes) - MOST_NOTES:,} more")
    if lines := problem["lines"]:
        shown = ", ".join(map(str, lines[:MOST_LINES]))
        console.print(f"  lines {shown}{', …' if len(lines) > MOST_LINES else ''}")
    for pair in problem["partners"][:MOST_NOTES]:
        words = f"line {pair['line']} with line {pair['partner']} of {pair['in']}"
        console.print(Text(f"  {one_line(words)}: {percent(pair['alike'])} alike"))


def decision_table(decisions: Mapping[str, Mapping[str, int]], samples: int) -> Table:
    """What is decided after each role."""
    table = _table("Decisions by the Last Turn's Role", "Last Turn")
    for heading in ("tool_call", "direct_answer", "Share of Samples"):
        table.add_column(heading, justify="right", no_wrap=True)
    for role, counts in decisions.items():
        calls, answers = counts.get("tool_call", 0), counts.get("direct_answer", 0)
        table.add_row(role, f"{calls:,}", f"{answers:,}", percent((calls + answers) / samples))
    return table


def tool_table(tools: Mapping[str, Any]) -> Table:
    """The calls of each tool."""
    table = _table("Tools Called", "Tool")
    table.add_column("Calls", justify="right")
    table.add_column("Share", justify="right")
    total = sum(tools["calls"].values())
    for name, count in tools["calls"].items():
        table.add_row(Text(one_line(name)), f"{count:,}", percent(count / total))
    return table


def value_table(title: str, heading: str, fields: Mapping[str, Mapping[str, Any]]) -> Table:
    """How often each field is filled, and the share of its values that occur verbatim."""
    table = _table(title, heading)
    for name in ("Filled", "Share", "Distinct", "By User", "Said", "Anywhere"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, each in fields.items():
        verbatim = each["verbatim"]
        table.add_row(
            Text(one_line(name)),
            f"{each['filled']:,}",
            percent(each["filled_share"]),
            f"{each['distinct']:,}",
            *(percent(verbatim[where]) for where in ("user", "said", "history")),
        )
    return table


def length_table(lengths: Mapping[str, Mapping[str, int]]) -> Table:
    """Percentiles of the lengths."""
    table = _table("Lengths of Histories", "In")
    for level in next(iter(lengths.values())):
        table.add_column(level, justify="right")
    for unit, levels in lengths.items():
        table.add_row(unit, *(f"{value:,}" for value in levels.values()))
    return table


def percent(share: float | None) -> str:
    """A share as a percentage; a dash for None."""
    return NOTHING if share is None else f"{100 * share:.1f} %"


def _table(title: str, heading: str) -> Table:
    table = Table(title=Text(title, "bold"))
    table.add_column(heading, no_wrap=True)
    return table
