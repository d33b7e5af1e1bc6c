"""The `trm-tui` command line: its commands and options.

It imports little more than typer, so that ``--help`` is fast. Each command imports its own code.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from trm_engine.printable import guard_output
from trm_tui.cli import models, runs
from trm_tui.commands.data import app as data_app
from trm_tui.commands.keys import keys
from trm_tui.exit_status import errors_as_messages
from trm_tui.text.look_alikes import LOOK_ALIKES, register


class Commands(TyperGroup):
    """The group of all commands. An error becomes a message and an exit status."""

    def make_context(self, *arguments: Any, **options: Any) -> Any:
        with errors_as_messages():  # --help and --version print here
            return super().make_context(*arguments, **options)

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        with errors_as_messages():
            return super().invoke(ctx)


app = typer.Typer(
    cls=Commands,
    help="Train and use a Tiny Recursive Model that decides an assistant's next tool call.",
    epilog="Start with: trm-tui train configs/default.yaml",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(data_app, name="data")
for command in (
    *(runs.init, runs.train, runs.watch, runs.runs, runs.sweep, runs.report, runs.tensorboard),
    *(models.inspect, models.playground, models.evaluate, models.predict, models.export),
    *(models.serve, keys),
):
    app.command("eval" if command is models.evaluate else None)(command)


def main() -> None:
    """Run the command line."""
    register()
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):
            stream.reconfigure(errors=LOOK_ALIKES)  # type: ignore[union-attr]
    guard_output()
    _take_texts_as_they_are()
    app(prog_name="trm-tui")


def _take_texts_as_they_are() -> None:
    """Typer would import pydantic to check texts and flags, a tenth of the time to a screen.

    It has no public way around that. Should its own code change, it is only slower again.
    """
    with suppress(ImportError, AttributeError):
        from typer import _coercion

        core: Any = import_module("typer.core")
        build = core.build_runtime_param

        def quick(wanted: Any) -> Any:
            if wanted.annotation in (str, bool):
                return _coercion.PassThroughRuntimeParam(wanted.parameter_info, wanted.annotation)
            return build(wanted)

        core.build_runtime_param = quick


def _print_version(wanted: bool) -> None:
    if wanted:
        from trm_tui import __version__

        typer.echo(f"trm-tui {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Options before the command."""
