"""The `trm-tui data` commands: make, check, describe, view and convert sample files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trm_engine.wording import counted
from trm_tui.commands.data_convert import convert
from trm_tui.commands.data_errors import correct, errors
from trm_tui.commands.data_output import Force, refuse_existing, write_lines
from trm_tui.commands.data_tools import tools
from trm_tui.commands.data_view import view

if TYPE_CHECKING:
    from trm_engine.data.sample_reader import Problem

app = typer.Typer(
    help="Make, check, describe, view and convert sample files.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.command()(view)
app.command()(tools)
app.command()(errors)
app.command()(correct)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
InputFile = Annotated[
    Path, typer.Argument(metavar="FILE", help="Samples or conversations; - for standard input.")
]


@app.command()
def make(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="File to write.")],
    conversations: Annotated[int, typer.Option(min=1, help="Number of conversations.")] = 1200,
    seed: Annotated[
        int, typer.Option(min=0, help="Random seed. Each seed gives other conversations.")
    ] = 0,
    force: Force = False,
) -> None:
    """Generate samples from the built-in telecom conversations.

    \b
    Examples:
      trm-tui data make train.jsonl
      trm-tui data make val.jsonl --conversations 200 --seed 1
    """
    from trm_engine.data.telecom import generate_samples
    from trm_tui.plain.progress import progress_bar

    refuse_existing(str(out), force)
    with progress_bar("making conversations", conversations) as done:
        samples = _counting_conversations(generate_samples(conversations, seed), done)
        count = write_lines(str(out), samples)
    made = counted(conversations, "conversation")
    typer.echo(f"{out}: {counted(count, 'sample')} of {made}")


@app.command()
def check(file: InputFile, as_json: Json = False) -> None:
    """Report every problem in a file, with its line and field.

    The exit status is 2 if there is a problem, else 0.

    \b
    Examples:
      trm-tui data check train.jsonl
      trm-tui data check train.jsonl --json | jq '.problems[0]'
    """
    from trm_engine.data.sample_reader import SampleReader
    from trm_engine.errors import DataError

    reader = SampleReader(file, on_error="skip")
    usable = 0
    try:
        for _ in reader:
            usable += 1
    except DataError:
        if not reader.problems:
            raise
    _print_problems(file, usable, reader.problems, as_json)
    if reader.problems:
        raise typer.Exit(2)


@app.command()
def stats(
    file: InputFile,
    as_json: Json = False,
    tokenizer: Annotated[
        Path | None,
        typer.Option(metavar="MODEL", help="SentencePiece model, to count lengths in tokens."),
    ] = None,
) -> None:
    """Describe a file: decisions, tools, slots, arguments and lengths.

    \b
    Examples:
      trm-tui data stats train.jsonl
      trm-tui data stats train.jsonl --tokenizer outputs/first/tokenizer.model
    """
    from trm_engine.data.stats import file_statistics
    from trm_engine.data.tokenizer import TRMTokenizer
    from trm_engine.files.jsonl import write_json
    from trm_tui.plain.data_tables import print_statistics
    from trm_tui.plain.progress import progress_bar

    model = TRMTokenizer(tokenizer) if tokenizer else None
    size = file.stat().st_size if file.is_file() else 0
    with progress_bar(f"reading {file.name}", size) as done:
        found = file_statistics(file, model, done)
    if as_json:
        write_json(found)
    else:
        print_statistics(found)


app.command()(convert)


def _counting_conversations(
    samples: Iterable[dict[str, Any]], done: Callable[[int], None]
) -> Iterator[dict[str, Any]]:
    """Pass the samples on, and call ``done`` with the number of conversations so far.

    A history that is no longer than the one before begins a conversation.
    """
    count, turns = 0, 0
    for sample in samples:
        if not turns or len(sample["history"]) <= turns:
            count += 1
            done(count)
        turns = len(sample["history"])
        yield sample


# Tables -----------------------------------------------------------------------------------------


def _print_problems(file: Path, usable: int, problems: list[Problem], as_json: bool) -> None:
    from trm_engine.files.jsonl import write_json

    if as_json:
        listed = [{"line": each.line, "message": each.message} for each in problems]
        write_json({"file": str(file), "samples": usable, "problems": listed})
        return
    for problem in problems:
        typer.echo(str(problem))
    lines = len({problem.line for problem in problems})
    verdict = "no problems"
    if problems:
        verdict = f"{counted(len(problems), 'problem')} in {counted(lines, 'line')}"
    typer.echo(f"{file}: {counted(usable, 'sample')}, {verdict}")
