"""`trm-tui data errors` and `data correct`: find labels that are probably wrong, and mend them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trm_engine.wording import counted
from trm_tui.completion import complete_config

if TYPE_CHECKING:
    from trm_engine.label_errors.suspect import Suspect

FOLDS = 4
SHOWN = 40
MOST_DISPUTED = 0.5
"""The share of samples with a suspect above which the models, not the labels, are wrong."""

InputFile = Annotated[
    Path, typer.Argument(metavar="FILE", help="JSON Lines file with one sample a line.")
]
Folder = Annotated[
    Path | None,
    typer.Option("--output-dir", "-o", metavar="FOLDER", help="Default: outputs/errors-FILE."),
]


def errors(
    file: InputFile,
    folds: Annotated[
        int, typer.Option(min=2, help="Number of models. Each judges what it did not see.")
    ] = FOLDS,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="CONFIG",
            help="Configuration of the models. Default: a small, quick one.",
            autocompletion=complete_config,
        ),
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a setting. Can be repeated."),
    ] = None,
    folder: Folder = None,
    draft: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write decisions that keep all labels, to be edited."),
    ] = None,
    rows: Annotated[int, typer.Option(min=1, help="Rows of the table.")] = SHOWN,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print each suspect as a line of JSON.")
    ] = False,
) -> None:
    """Find labels that are probably wrong, the surest first.

    Models are trained on parts of the file; each judges the conversations that it did not see.
    Listed are decisions, tools and values that they confidently disagree with. FOLDER keeps what
    is finished: the same command goes on after an interruption, or prints the list again.

    \b
    Examples:
      trm-tui data errors train.jsonl
      trm-tui data errors train.jsonl --folds 5 --config configs/default.yaml
      trm-tui data errors train.jsonl --draft draft.jsonl
      trm-tui data errors train.jsonl --json | jq 'select(.kind == "tool")'
    """
    from trm_engine.files.jsonl import write_json
    from trm_engine.label_errors.suspect import RESULT, read_suspects, usual_folder

    place = folder or usual_folder(file)
    options = ["--folds", str(folds)]
    options += ["--config", str(config)] if config else []
    options += [text for each in setting or () for text in ("--set", each)]
    answer = _search(file, place, options)
    if answer is None:
        raise typer.Exit(1)
    suspects = read_suspects(place / RESULT)
    if draft:
        _draft(draft, suspects)
    if as_json:
        for each in suspects:
            write_json(_builtins(each))
    else:
        _print(file, place, suspects, rows)
    if answer["disputed"] > MOST_DISPUTED * answer["samples"]:
        typer.echo(_too_little(answer["disputed"], answer["samples"]), err=True)


def correct(
    file: InputFile,
    decisions: Annotated[
        Path, typer.Argument(metavar="DECISIONS", help="What is to become of which label.")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Corrected file to write.")],
    folder: Folder = None,
    force: Annotated[bool, typer.Option("--force", help="Replace OUT if it exists.")] = False,
) -> None:
    """Apply decisions on suspected labels: write a corrected file, and a log of every change.

    DECISIONS is JSON Lines: {"line": 12, "kind": "slot", "field": "city", "action": "take"}.
    Actions: keep, take (the model's label), edit (to "value"), drop (the sample), undo (the
    decision before). The log is OUT with .changes.jsonl in place of its ending.

    \b
    Example:
      trm-tui data correct train.jsonl decisions.jsonl corrected.jsonl
    """
    from trm_engine.errors import DataError
    from trm_engine.label_errors.corrections import (
        apply_decisions,
        in_words,
        log_of,
        read_decisions,
    )
    from trm_engine.label_errors.suspect import RESULT, read_suspects, usual_folder

    log = log_of(out)
    for path in (out, log):
        if path.exists() and not force:
            raise DataError(f"{path}: exists; give another name, or --force to replace it")
    suspects = read_suspects((folder or usual_folder(file)) / RESULT)
    changes = apply_decisions(file, suspects, read_decisions(decisions), out, log)
    typer.echo(f"{out}: {in_words(changes)}")
    typer.echo(f"{log}: every change")


def _search(file: Path, folder: Path, options: list[str]) -> dict[str, Any] | None:
    """Have a worker search. Returns None if it was asked to stop."""
    from trm_tui.plain.worker_answer import answer_of

    arguments = (*options, "--", str(file), str(folder))
    stopping = "Stopping; what is finished is kept."
    try:
        return answer_of("errors", *arguments, doing="searching", stopping=stopping)
    except KeyboardInterrupt:
        return None


def _too_little(disputed: int, samples: int) -> str:
    return (
        f"warning: the models disagree with {disputed:,} of {samples:,} samples. They have learned "
        f"too little to judge labels: add conversations, or train longer "
        f"(--set training.num_epochs=N)"
    )


def _print(file: Path, folder: Path, suspects: list[Suspect], rows: int) -> None:
    from rich.table import Table

    from trm_engine.printable import one_line
    from trm_tui.text.console import table_console

    table = Table(title="Labels That Are Probably Wrong", title_style="bold")
    for heading in ("Score", "Line"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("Label", no_wrap=True)
    table.add_column("Given")
    table.add_column("Model's")
    for each in suspects[:rows]:
        table.add_row(
            f"{each.score:.3f}",
            f"{each.line:,}",
            one_line(f"{each.kind} {each.field}".strip()),
            one_line(_shown(each.given)),
            one_line(_shown(each.predicted)),
        )
    console = table_console()
    console.print(table)
    left = len(suspects) - rows
    more = f", {left:,} more in {folder}/label_errors.jsonl" if left > 0 else ""
    console.print(f"{file}: {counted(len(suspects), 'suspect')}{more}", soft_wrap=True)


def _draft(path: Path, suspects: list[Suspect]) -> None:
    """Write a decision for each suspect that keeps the label. "keep" is to become "take"."""
    from trm_engine.errors import DataError
    from trm_engine.files.atomic import atomic_file
    from trm_engine.files.jsonl import to_json

    if path.exists():
        raise DataError(f"{path}: exists already; give another name")
    with atomic_file(path) as file:
        for each in suspects:
            named = {"line": each.line, "kind": each.kind, "field": each.field, "action": "keep"}
            known = {"given": each.given, "predicted": each.predicted, "score": each.score}
            file.write(to_json({**named, **known}).encode() + b"\n")


def _shown(value: Any) -> str:
    from trm_engine.data.values import value_text

    return value_text(value) or "–"


def _builtins(suspect: Suspect) -> Any:
    import msgspec

    return msgspec.to_builtins(suspect)
