"""`trm-tui data tools`: the tools of a file or a server, as samples list them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trm_tui.commands.data_output import STDOUT, Force, refuse_existing, write_text

if TYPE_CHECKING:
    from trm_engine.data.catalogue import Catalogue

MOST_SHOWN = 20

Mcp = Annotated[
    str | None,
    typer.Option("--mcp", metavar="COMMAND", help="Start this MCP server and take its tools."),
]


def tools(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="File of tools: JSON or YAML.")
    ] = None,
    mcp: Mcp = None,
    out: Annotated[
        str | None, typer.Option(metavar="OUT", help="Write the tools to this file.")
    ] = None,
    force: Force = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show the tools of a file or of a running MCP server, with their parameters.

    FILE may list tools as OpenAI, MCP, Anthropic, Gemini, Bedrock, Cohere or xLAM do, or be an
    OpenAPI document. OUT has them as samples do, with plain JSON Schemas. The exit status is 2 if
    a tool cannot be read.

    \b
    Examples:
      trm-tui data tools tools.json
      trm-tui data tools openapi.yaml --out api.json
      trm-tui data tools --mcp 'python server.py' --out server.json
      trm-tui data tools tools.json --json | jq '.tools[].function.name'
    """
    from trm_engine.errors import DataError
    from trm_engine.files.jsonl import to_json, write_json
    from trm_engine.wording import counted
    from trm_tui.plain.tool_table import print_tools

    if out is not None:
        refuse_existing(out, force)
    found = given_tools(file, mcp)
    if found is None:
        raise DataError("expected a FILE of tools, or --mcp COMMAND")
    if as_json:
        write_json({"tools": found.tools, "problems": found.problems, "warnings": found.warnings})
    elif out != STDOUT:
        print_tools(str(file or "MCP server"), found.tools)
    _print_problems(found)
    if found.problems:
        raise typer.Exit(2)
    if out is not None:
        write_text(out, to_json(found.tools, indent=1) + "\n")
        is_data = as_json or out == STDOUT
        typer.echo(f"{out}: {counted(len(found.tools), 'tool')}", err=is_data)


def given_tools(file: Path | None, mcp: str | None) -> Catalogue | None:
    """The tools of a file or of an MCP server; None if neither is given."""
    from trm_engine.data.catalogue import read_tools_file
    from trm_engine.errors import DataError

    if file is not None and mcp is not None:
        raise DataError("expected tools of a file or of an MCP server (--mcp), got both")
    if mcp is not None:
        from trm_engine.data.catalogue.server import read_server_tools
        from trm_tui.text.console import PrintableConsole

        with PrintableConsole(stderr=True).status("asking the MCP server for its tools"):
            return read_server_tools(mcp)
    return None if file is None else read_tools_file(file)


def _print_problems(found: Catalogue) -> None:
    """The tools that could not be read, and what was left out of others, on standard error."""
    told = [*found.problems, *(f"warning: {each}" for each in found.warnings)]
    for each in told[:MOST_SHOWN]:
        typer.echo(each, err=True)
    if len(told) > MOST_SHOWN:
        typer.echo(f"… and {len(told) - MOST_SHOWN:,} more; --json names them", err=True)
