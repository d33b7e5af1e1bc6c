"""`trm-tui data view`: what is in a data file and what is wrong with it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trm_tui.completion import complete_config

if TYPE_CHECKING:
    from trm_engine.config import DataConfig
    from trm_engine.data.problems.view import ViewOptions
    from trm_tui.screens.data_view import ViewScreen
    from trm_tui.settings import Remembered


def view(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="File of samples or conversations; - for standard input."
        ),
    ],
    against: Annotated[
        Path | None,
        typer.Option(metavar="OTHER", help="File on the other side of the split."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="CONFIG",
            help="Configuration or run, for limits, split and tokenizer.",
            autocompletion=complete_config,
        ),
    ] = None,
    tokenizer: Annotated[
        Path | None,
        typer.Option(metavar="MODEL", help="SentencePiece model. Default: estimate tokens."),
    ] = None,
    errors: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Search of `data errors` to show. Default: that of FILE, if there is one.",
        ),
    ] = None,
    plain: Annotated[
        bool, typer.Option("--plain", help="Print tables; do not open the screen.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show what is in a file, and what is wrong with it.

    Each figure and each problem opens the samples behind it. Without --against, the split is the
    one that training would make (data.val_split). The exit status is 0, whatever is found.

    \b
    Examples:
      trm-tui data view train.jsonl
      trm-tui data view train.jsonl --against val.jsonl
      trm-tui data view train.jsonl --config outputs/first
      trm-tui data view train.jsonl --json | jq '.problems[] | {title, samples}'
    """
    from trm_tui.screens.show import has_screen

    options = replace(_options(against, config, tokenizer), errors=errors)
    if plain or as_json or str(file) == "-" or not has_screen():
        _print(file, options, as_json)
    else:
        raise typer.Exit(_show(file, options))


def _show(file: Path, options: ViewOptions) -> int:
    """Open the screen. Returns the exit status."""
    from trm_tui.screens.show import open_app
    from trm_tui.sessions.data_view import DataSession

    screens: list[ViewScreen] = []

    def first(_remembered: Remembered) -> ViewScreen:
        from trm_tui.screens.data_view import ViewScreen

        screens.append(ViewScreen(DataSession(file, options)))
        return screens[0]

    status = open_app(first)
    if screens and screens[0].problem:
        raise screens[0].problem
    if screens and screens[0].was_cancelled:
        typer.echo("Reading was cancelled.", err=True)
    return status


def _print(file: Path, options: ViewOptions, as_json: bool) -> None:
    from trm_engine.data.problems.view import open_view
    from trm_engine.files.jsonl import write_json
    from trm_tui.plain.data_tables import print_view
    from trm_tui.plain.progress import progress_bar

    with progress_bar(f"reading {file.name}", 1000) as done:
        found = open_view(file, options, lambda _, share: done(round(1000 * share)))
    if as_json:
        write_json(found.to_dict())
    else:
        print_view(found.to_dict())


def _options(against: Path | None, config: Path | None, tokenizer: Path | None) -> ViewOptions:
    """What the file is seen against: options first, then the configuration."""
    from trm_engine.data.as_samples import ConvertOptions
    from trm_engine.data.problems.view import ViewOptions

    data, seed, own_tokenizer = _configured(config)
    other = against or (Path(data.val_data) if config and data.val_data else None)
    configured = Path(data.tokenizer_path) if data.tokenizer_path else own_tokenizer
    return ViewOptions(
        against=other,
        tokenizer=tokenizer or configured,
        max_length=data.max_length,
        max_tool_tokens=data.max_tool_tokens,
        val_split=data.val_split,
        seed=seed,
        cache=Path(data.cache_dir) if data.cache_dir else None,
        convert=ConvertOptions.of(data),
    )


def _configured(path: Path | None) -> tuple[DataConfig, int, Path | None]:
    """Settings of data, seed, and the tokenizer of the run if it is one."""
    from trm_engine.config import Config
    from trm_engine.runs.folder import RunFolder

    if path is None:
        return Config().data, Config().training.seed, None
    folder = RunFolder(path)
    config = Config.from_yaml(folder.config if path.is_dir() else path, ignore_retired=True)
    model = path / "tokenizer.model"
    return config.data, config.training.seed, model if model.is_file() else None
