"""The `trm-tui data` commands: make, check, describe and convert sample files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from trm_engine.printable import data_stream, one_line

if TYPE_CHECKING:
    from rich.table import Table

    from trm_engine.data.samples import Problem

STDOUT = "-"

app = typer.Typer(
    help="Make, check, describe and convert sample files.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
InputFile = Annotated[
    Path, typer.Argument(metavar="FILE", help="JSON Lines file with one sample a line.")
]


@app.command()
def make(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="File to write.")],
    conversations: Annotated[int, typer.Option(min=1, help="Number of conversations.")] = 1200,
    seed: Annotated[
        int, typer.Option(min=0, help="Random seed. Each seed gives other conversations.")
    ] = 0,
) -> None:
    """Generate samples from the built-in telecom conversations.

    \b
    Examples:
      trm-tui data make train.jsonl
      trm-tui data make val.jsonl --conversations 200 --seed 1
    """
    from trm_engine.data.telecom import generate_samples
    from trm_tui.plain.progress import progress_bar

    with progress_bar("making conversations", conversations) as done:
        samples = _counting_conversations(generate_samples(conversations, seed), done)
        count = _write_lines(str(out), samples)
    made = _counted(conversations, "conversation")
    typer.echo(f"{out}: {_counted(count, 'sample')} of {made}")


@app.command()
def check(file: InputFile, as_json: Json = False) -> None:
    """Report every problem in a file, with its line and field.

    The exit status is 2 if there is a problem, else 0.

    \b
    Examples:
      trm-tui data check train.jsonl
      trm-tui data check train.jsonl --json | jq '.problems[0]'
    """
    from trm_engine.data.samples import SampleReader
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
    from trm_tui.plain.progress import progress_bar

    model = TRMTokenizer(tokenizer) if tokenizer else None
    size = file.stat().st_size if file.is_file() else 0
    with progress_bar(f"reading {file.name}", size) as done:
        found = file_statistics(file, model, done)
    if as_json:
        write_json(found)
    else:
        _print_statistics(found)


@app.command()
def convert(
    source: Annotated[Path, typer.Argument(metavar="IN", help="File of conversations.")],
    out: Annotated[
        str, typer.Argument(metavar="OUT", help="File to write, or - for standard output.")
    ],
    tools: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Tools for conversations that list none.")
    ] = None,
    answers: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Answers to BFCL questions.")
    ] = None,
    slot: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Name of a slot. Can be repeated.")
    ] = None,
) -> None:
    """Convert conversations into samples, one for each turn of the assistant.

    IN is a JSON or JSON Lines file of raw conversations, or an OpenAI fine-tuning file.

    \b
    Examples:
      trm-tui data convert chats.json train.jsonl --tools tools.json
      trm-tui data convert finetune.jsonl - --slot phone --slot name | head
    """
    from trm_engine.data.convert import convert_file

    samples = convert_file(source, tools_path=tools, answers_path=answers, slots=slot or ())
    count = _write_lines(out, samples)
    typer.echo(f"{out}: {_counted(count, 'sample')}", err=out == STDOUT)


# Files ------------------------------------------------------------------------------------------


def _write_lines(out: str, records: Iterable[dict[str, Any]]) -> int:
    """Write records as JSON lines in UTF-8 and return their number."""
    from trm_engine.files.jsonl import to_json

    count = 0
    with _output(out) as file:
        for record in records:
            file.write(to_json(record).encode() + b"\n")
            count += 1
        file.flush()
    return count


@contextmanager
def _output(out: str) -> Iterator[BinaryIO]:
    """Open standard output, or a file that gets its name only when it is complete."""
    from trm_engine.errors import DataError
    from trm_engine.files.atomic import atomic_file

    if out == STDOUT:
        yield data_stream()
        return
    try:
        with atomic_file(Path(out)) as file:
            yield file
    except OSError as error:
        raise DataError(f"{out}: cannot be written: {error.strerror}") from None


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
        verdict = f"{_counted(len(problems), 'problem')} in {_counted(lines, 'line')}"
    typer.echo(f"{file}: {_counted(usable, 'sample')}, {verdict}")


def _print_statistics(found: dict[str, Any]) -> None:
    from trm_tui.text.console import table_console

    console = table_console()
    conversations = _counted(found["conversations"], "conversation")
    heading = f"{found['file']}: {_counted(found['samples'], 'sample')} of {conversations}"
    console.print(heading, soft_wrap=True)
    tables = [
        _decision_table(found["decisions"], found["samples"]),
        _tool_table(found["tools"]),
        _value_table("Slots", "Slot Field", found["slots"]),
        _value_table("Arguments", "Parameter", found["arguments"]),
        _length_table(found["lengths"]),
    ]
    for table in tables:
        if table.row_count:
            console.print()
            console.print(table)
    console.print("\nBy User, Said, Anywhere: share of values that occur verbatim in those turns")
    never = found["tools"]["never_called"]
    if never:
        console.print(f"Offered but never called: {', '.join(never)}")


def _decision_table(decisions: dict[str, dict[str, int]], samples: int) -> Table:
    table = _table("Decisions by the Last Turn's Role", "Last Turn")
    for heading in ("tool_call", "direct_answer", "Share of Samples"):
        table.add_column(heading, justify="right", no_wrap=True)
    for role, counts in decisions.items():
        calls, answers = counts.get("tool_call", 0), counts.get("direct_answer", 0)
        table.add_row(role, f"{calls:,}", f"{answers:,}", _percent((calls + answers) / samples))
    return table


def _tool_table(tools: dict[str, Any]) -> Table:
    table = _table("Tools Called", "Tool")
    table.add_column("Calls", justify="right")
    table.add_column("Share", justify="right")
    total = sum(tools["calls"].values())
    for name, count in tools["calls"].items():
        table.add_row(one_line(name), f"{count:,}", _percent(count / total))
    return table


def _value_table(title: str, heading: str, fields: dict[str, dict[str, Any]]) -> Table:
    """How often each field is filled, and the share of its values that occur verbatim."""
    table = _table(title, heading)
    for name in ("Filled", "Share", "Distinct", "By User", "Said", "Anywhere"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, each in fields.items():
        verbatim = each["verbatim"]
        table.add_row(
            one_line(name),
            f"{each['filled']:,}",
            _percent(each["filled_share"]),
            f"{each['distinct']:,}",
            *(_percent(verbatim[where]) for where in ("user", "said", "history")),
        )
    return table


def _length_table(lengths: dict[str, dict[str, int]]) -> Table:
    table = _table("Lengths of Histories", "In")
    for level in next(iter(lengths.values())):
        table.add_column(level, justify="right")
    for unit, levels in lengths.items():
        table.add_row(unit, *(f"{value:,}" for value in levels.values()))
    return table


def _table(title: str, heading: str) -> Table:
    from rich.table import Table

    table = Table(title=title, title_style="bold")
    table.add_column(heading, no_wrap=True)
    return table


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
