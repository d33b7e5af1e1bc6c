"""The table of a catalogue: every tool with its parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from trm_engine.data.catalogue.schema import ParameterSchema, parameters_of
from trm_engine.printable import one_line
from trm_engine.wording import counted
from trm_tui.text.console import table_console
from trm_tui.text.figures import NOTHING

LONGEST = 60


def print_tools(source: str, tools: Sequence[Mapping[str, Any]]) -> None:
    """Print the tools of a file or server."""
    console = table_console()
    parameters = {
        tool["function"]["name"]: parameters_of(tool["function"]["parameters"]) for tool in tools
    }
    total = sum(map(len, parameters.values()))
    heading = f"{source}: {counted(len(tools), 'tool')}, {counted(total, 'parameter')}"
    console.print(Text(one_line(heading)), soft_wrap=True)
    if tools:
        console.print()
        console.print(tool_table(parameters))


def tool_table(tools: Mapping[str, Mapping[str, ParameterSchema]]) -> Table:
    """One row a parameter; a tool's name stands at its first one."""
    table = Table()
    table.add_column("Tool", overflow="fold")
    table.add_column("Parameter", overflow="fold")
    table.add_column("Type", overflow="fold")
    table.add_column("Required", no_wrap=True)
    for name, parameters in tools.items():
        shown = Text(one_line(name))
        if not parameters:
            table.add_row(shown, NOTHING, "", "")
        for path, parameter in parameters.items():
            needed = "yes" if parameter.required else ""
            table.add_row(shown, Text(one_line(path)), Text(type_text(parameter)), needed)
            shown = Text()
    return table


def type_text(parameter: ParameterSchema) -> str:
    """The type of a value, its values or limits: ``string: red, blue``, ``integer 1 … 9``."""
    kind = parameter.format or parameter.type or "any"
    if parameter.enum:
        values = one_line(", ".join(map(str, parameter.enum)))
        return f"{kind}: {values}" if len(values) <= LONGEST else f"{kind}: {values[:LONGEST]}…"
    limits = (parameter.minimum, parameter.maximum)
    if limits == (None, None):
        return one_line(kind)
    least, most = ("" if limit is None else f"{limit:g}" for limit in limits)
    return one_line(f"{kind} {least} … {most}".strip())
