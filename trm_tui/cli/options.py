"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from trm_tui.completion import complete_checkpoint, complete_config


def option(metavar: str, text: str, *names: str, **more: Any) -> Any:
    return typer.Option(*names, metavar=metavar, help=text, **more)


def flag(name: str, text: str) -> Any:
    return typer.Option(name, help=text)


Text = str | None
Number = float | None
Count = int | None

PLAIN_RUN = "Print tables and progress bars; do not open the screen."
PLAIN_TABLES = "Print tables; do not open the screen."

ConfigFile = Annotated[
    Path | None,
    typer.Argument(
        metavar="CONFIG",
        help="Configuration (YAML), or the folder of a run.",
        autocompletion=complete_config,
    ),
]
ConfigOption = Annotated[
    Path | None,
    option("FILE", "Same as CONFIG.", "--config", autocompletion=complete_config),
]
Checkpoint = Annotated[
    Path,
    typer.Argument(
        metavar="CHECKPOINT",
        help="Checkpoint file, or the folder of a run (its best.pt, or else its last.pt).",
        autocompletion=complete_checkpoint,
    ),
]
Compare = Annotated[
    Path | None,
    option("OTHER", "Second checkpoint or run.", autocompletion=complete_checkpoint),
]
DataTools = Annotated[
    Path | None,
    option("FILE", "Tools of the conversations that list none. Default: the model's."),
]
Device = Annotated[Text, option("NAME", "auto (default), cpu, cuda, cuda:N or mps.")]
BatchSize = Annotated[Count, option("N", "Number of samples in a batch.", min=1)]
Raw = Annotated[bool, flag("--raw", "Use the raw weights instead of their average (EMA).")]
HaltThreshold = Annotated[
    Number,
    option("X", "Stop a sample at the first step whose q is at least X (0 to 1).", min=0, max=1),
]
