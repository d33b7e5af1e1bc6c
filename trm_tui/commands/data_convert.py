"""`trm-tui data convert`: conversations of any format as samples."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from trm_tui.commands.data_output import STDOUT, Force, refuse_existing, write_lines
from trm_tui.commands.data_tools import Mcp, given_tools

if TYPE_CHECKING:
    from trm_engine.data.convert import Conversion

FORMATS = (
    *("openai", "raw", "anthropic", "responses", "gemini", "sharegpt", "llama-factory", "trl"),
    *("alpaca", "preference", "kto", "chat-logs", "glaive", "xlam", "toolace", "tau-bench"),
    *("bfcl", "sgd", "rasa", "template"),
)
"""Names of all formats, for --help, which does not import them."""

MOST_SHOWN = 20
OnError = Literal["fail", "skip"]


def complete_format(incomplete: str) -> list[str]:
    """Names of formats that begin so."""
    return [name for name in FORMATS if name.startswith(incomplete)]


def convert(
    source: Annotated[
        str, typer.Argument(metavar="IN", help="File of conversations, or - for standard input.")
    ],
    out: Annotated[
        str, typer.Argument(metavar="OUT", help="File to write, or - for standard output.")
    ],
    format_name: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="NAME",
            help=f"Format of IN. Default: found out. One of {', '.join(FORMATS)}.",
            autocompletion=complete_format,
        ),
    ] = None,
    tools: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Tools for conversations that list none.")
    ] = None,
    mcp: Mcp = None,
    answers: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Answers to BFCL questions.")
    ] = None,
    slot: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Name of a slot. Can be repeated.")
    ] = None,
    on_error: Annotated[
        OnError, typer.Option(help="Whether conversations with problems fail or are left out.")
    ] = "fail",
    force: Force = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print what became of the conversations as JSON.")
    ] = False,
) -> None:
    """Convert conversations into samples, one for each decision of the assistant.

    IN is JSON, JSON Lines, YAML, Parquet or Arrow, also compressed. Its format is found out. A
    table shows what became of every conversation, turn and call.

    \b
    Examples:
      trm-tui data convert chats.json train.jsonl --tools tools.json
      trm-tui data convert chats.json train.jsonl --mcp 'python server.py' --force
      trm-tui data convert logs.jsonl.gz train.jsonl --on-error skip
      trm-tui data convert finetune.jsonl - --slot phone --slot name | head
    """
    from trm_engine.data.convert import convert_file
    from trm_tui.plain.progress import progress_bar

    refuse_existing(out, force)
    listed = given_tools(tools, mcp)
    stages = ("finding the format", "reading", "writing")
    name = "standard input" if source == STDOUT else Path(source).name
    with progress_bar(f"converting {name}", len(stages)) as done:
        conversion = convert_file(
            source,
            format=format_name,
            tools=listed,
            answers_path=answers,
            slots=slot or (),
            on_error=on_error,
            progress=lambda what, share: done(stages.index(what) + share),
        )
        with conversion:
            write_lines(out, conversion)
    _report(conversion, out, as_json)


def _report(conversion: Conversion, out: str, as_json: bool) -> None:
    """Say what became of the conversations, on standard error if OUT is standard output."""
    from trm_engine.files.jsonl import to_json, write_json

    if as_json:
        found = _facts(conversion, out)
        typer.echo(to_json(found), err=True) if out == STDOUT else write_json(found)
        return
    _print_problems(conversion)
    _print_account(conversion, out)


def _facts(conversion: Conversion, out: str) -> dict[str, Any]:
    return {
        "file": out,
        "format": conversion.format.name,
        "slots": list(conversion.slots),
        **conversion.account.to_dict(),
        "problems": conversion.problems,
        "warnings": conversion.warnings,
    }


def _print_problems(conversion: Conversion) -> None:
    """The problems of what was left out and the warnings, on standard error."""
    told = [*conversion.problems, *(f"warning: {each}" for each in conversion.warnings)]
    for each in told[:MOST_SHOWN]:
        typer.echo(each, err=True)
    if len(told) > MOST_SHOWN:
        typer.echo(f"… and {len(told) - MOST_SHOWN:,} more; --json names them", err=True)


def _print_account(conversion: Conversion, out: str) -> None:
    from trm_engine.wording import counted
    from trm_tui.plain.account_table import account_table
    from trm_tui.text.console import table_console

    account = conversion.account
    read = f"{counted(account.conversations, 'conversation')} ({conversion.format.title})"
    typer.echo(f"{out}: {counted(account.samples, 'sample')} of {read}", err=out == STDOUT)
    table_console(stderr=out == STDOUT).print(account_table(account))
