"""The `trm-tui` command. At import it needs only typer; a command imports what it uses."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from trm_engine.printable import guard_output, printable
from trm_tui.commands.data import app as data_app
from trm_tui.text.look_alikes import LOOK_ALIKES, register

WORKER_FAILED = 1
USER_ERROR = 2
INTERRUPTED = 130
BROKEN_PIPE = 141


class Commands(TyperGroup):
    """All commands; what goes wrong in one becomes a message and an exit status."""

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        from trm_engine.errors import UserError, WorkerError, in_words

        try:
            return super().invoke(ctx)
        except UserError as error:
            _print_error(str(error))
            raise typer.Exit(USER_ERROR) from None
        except WorkerError as error:
            _print_error("\n".join(filter(None, (str(error), error.details))))
            raise typer.Exit(WORKER_FAILED) from None
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(BROKEN_PIPE) from None
        except OSError as error:
            _print_error(in_words(error))
            raise typer.Exit(USER_ERROR) from None


app = typer.Typer(
    cls=Commands,
    help="Train and use a Tiny Recursive Model that decides an assistant's next tool call.",
    epilog="Begin with: trm-tui train configs/default.yaml",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(data_app, name="data")


def main() -> None:
    """Run the command line."""
    register()
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):
            stream.reconfigure(errors=LOOK_ALIKES)  # type: ignore[union-attr]
    guard_output()
    app(prog_name="trm-tui")


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
    """The options of no command."""


# Completion -------------------------------------------------------------------------------------


def _complete_config(incomplete: str) -> list[str]:
    return [*_paths(incomplete, "*.y*ml"), *_found(incomplete, "configs/*.y*ml")]


def _complete_run(incomplete: str) -> list[str]:
    return [*_paths(incomplete), *_found(incomplete, "outputs/*")]


def _complete_checkpoint(incomplete: str) -> list[str]:
    found = _found(incomplete, "outputs/*/checkpoints/*.pt")
    return [*_paths(incomplete, "*.pt"), *_found(incomplete, "outputs/*"), *found]


def _paths(incomplete: str, *patterns: str) -> list[str]:
    """Folders, and files of these patterns, that begin with what is typed."""
    folder = Path(incomplete + "x").parent
    files = [path for pattern in patterns for path in folder.glob(pattern)]
    folders = [path for path in folder.glob("*") if path.is_dir()]
    return [str(path) for path in files] + [f"{path}/" for path in folders]


def _found(incomplete: str, pattern: str) -> list[str]:
    """The usual places, as long as no other is typed."""
    return [] if "/" in incomplete else [str(path) for path in Path().glob(pattern)]


# Commands ---------------------------------------------------------------------------------------


def _option(metavar: str, text: str, *names: str, **more: Any) -> Any:
    return typer.Option(*names, metavar=metavar, help=text, **more)


Text = str | None
Number = float | None
Count = int | None
Device = Annotated[Text, _option("NAME", "auto, cpu, cuda, cuda:N or mps.")]
Raw = Annotated[bool, typer.Option("--raw", help="Use the raw weights, not their average (EMA).")]
HaltThreshold = Annotated[Number, _option("X", "The q at which a sample may stop.", min=0, max=1)]
Checkpoint = Annotated[
    Path,
    typer.Argument(
        metavar="CHECKPOINT",
        help="A checkpoint, or a run's folder: its best.pt, else its last.pt.",
        autocompletion=_complete_checkpoint,
    ),
]
ConfigFile = Annotated[
    Path | None,
    typer.Argument(
        metavar="CONFIG",
        help="A YAML file, or the folder of a run.",
        autocompletion=_complete_config,
    ),
]
ConfigOption = Annotated[
    Path | None,
    _option("FILE", "The same as CONFIG.", "--config", autocompletion=_complete_config),
]
Settings = Annotated[
    list[str] | None, _option("SECTION.KEY=VALUE", "Any setting; may be repeated.", "--set")
]
Resume = Annotated[
    Path | None, _option("RUN", "Go on with the run in this folder.", autocompletion=_complete_run)
]


@app.command()
def train(
    config: ConfigFile = None,
    config_option: ConfigOption = None,
    train_data: Annotated[Text, _option("FILE", "Training samples, or builtin:telecom.")] = None,
    val_data: Annotated[Text, _option("FILE", "Validation samples.")] = None,
    val_split: Annotated[Number, _option("SHARE", "Held out if there is no --val-data.")] = None,
    tokenizer_path: Annotated[
        Text, _option("FILE", "SentencePiece model; else one is made.")
    ] = None,
    output_dir: Annotated[Text, _option("DIR", "Run folder; else outputs/NAME-DATE-TIME.")] = None,
    checkpoint_dir: Annotated[Text, _option("DIR", "Else checkpoints/ in the run folder.")] = None,
    epochs: Annotated[Count, _option("N", "Times through the training samples.")] = None,
    batch_size: Annotated[Count, _option("N", "Samples in a batch.")] = None,
    learning_rate: Annotated[Number, _option("X", "Reached after the warm-up.")] = None,
    device: Device = None,
    seed: Annotated[Count, _option("N", "Same seed, same run.")] = None,
    settings: Settings = None,
    resume: Resume = None,
    plain: Annotated[
        bool, typer.Option("--plain", help="Tables and progress bars instead of the screen.")
    ] = False,
    background: Annotated[
        bool, typer.Option("--background", help="Start the training and return at once.")
    ] = False,
) -> None:
    """Train a model and watch it learn.

    On a terminal the live screen opens; ? shows its keys, q asks whether the training goes on
    without it. With --plain, or without a terminal, tables and progress are printed; Ctrl+C saves
    and stops. --resume RUN goes on from there.

    \b
    Examples:
      trm-tui train configs/default.yaml
      trm-tui train configs/default.yaml --train-data train.jsonl --epochs 4
      trm-tui train configs/paper.yaml --set model.hidden_size=256
      trm-tui train --resume outputs/default-20250131-093000
    """
    from trm_tui.commands.train import run_training

    flags = {
        "--train-data": train_data,
        "--val-data": val_data,
        "--val-split": val_split,
        "--tokenizer-path": tokenizer_path,
        "--output-dir": output_dir,
        "--checkpoint-dir": checkpoint_dir,
        "--epochs": epochs,
        "--batch-size": batch_size,
        "--learning-rate": learning_rate,
        "--device": device,
        "--seed": seed,
    }
    changes = {flag: value for flag, value in flags.items() if value is not None}
    given = config or config_option
    raise typer.Exit(run_training(given, changes, settings or [], resume, background, plain))


@app.command()
def watch(
    run: Annotated[
        Path | None,
        typer.Argument(
            metavar="[RUN]",
            help="The run's folder; the newest in outputs/ if left out.",
            autocompletion=_complete_run,
        ),
    ] = None,
    plain: Annotated[
        bool, typer.Option("--plain", help="Tables and progress bars instead of the screen.")
    ] = False,
) -> None:
    """Look at a run, live, finished or crashed.

    As often and from as many terminals as you like. A live run can be paused, evaluated, saved
    and stopped from here; leaving does not end it.

    \b
    Examples:
      trm-tui watch
      trm-tui watch outputs/default-20250131-093000
    """
    from trm_tui.commands.watch import watch_run

    raise typer.Exit(watch_run(run, plain))


@app.command()
def runs(
    folder: Annotated[
        Path, typer.Argument(metavar="[FOLDER]", help="Where the runs' folders are.")
    ] = Path("outputs"),
    plain: Annotated[
        bool, typer.Option("--plain", help="Print a table instead of opening the screen.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON array.")] = False,
) -> None:
    """List runs; open one, or overlay several.

    The list has state, steps, best evaluation (by training.best_metric) and age.

    \b
    Examples:
      trm-tui runs
      trm-tui runs --json | jq '.[0].best'
    """
    from trm_tui.commands.watch import show_runs

    show_runs(folder, plain, as_json)


@app.command()
def inspect(
    checkpoint: Checkpoint,
    data: Annotated[
        Path | None, _option("FILE", "Samples to judge it on, else those of its run.", "--data")
    ] = None,
    compare: Annotated[
        Path | None,
        _option("OTHER", "A second checkpoint, or run.", autocompletion=_complete_checkpoint),
    ] = None,
    raw: Raw = False,
    device: Device = None,
    plain: Annotated[
        bool, typer.Option("--plain", help="Print tables instead of opening the screen.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Look into a checkpoint: what it holds, and what it gets wrong.

    Printed, it is judged only with --data; on the screen as soon as you open what needs it.

    \b
    Examples:
      trm-tui inspect outputs/first
      trm-tui inspect outputs/first/checkpoints/best.pt --data val.jsonl
      trm-tui inspect outputs/first --compare outputs/second
      trm-tui inspect model.pt --json | jq .summary
    """
    from trm_tui.commands import inspect as inspect_command

    given = (checkpoint, data, compare, raw, device or "auto", plain, as_json)
    raise typer.Exit(inspect_command.inspect(*given))


@app.command()
def playground(
    checkpoint: Annotated[
        Path | None,
        typer.Argument(
            metavar="[CHECKPOINT]",
            help="A checkpoint or a run's folder; the newest run's best if left out.",
            autocompletion=_complete_checkpoint,
        ),
    ] = None,
    sample: Annotated[
        Text, _option("FILE:LINE", "Begin with the sample on this line of a JSONL file.")
    ] = None,
    compare: Annotated[
        Path | None,
        _option("OTHER", "A second checkpoint, or run.", autocompletion=_complete_checkpoint),
    ] = None,
    raw: Raw = False,
    device: Device = None,
    plain: Annotated[
        bool,
        typer.Option("--plain", help="Read a conversation from standard input, print its steps."),
    ] = False,
) -> None:
    """Write a conversation, see what the model thinks of it at every supervision step.

    Answers come as you type. Printed, the conversation is JSON (a sample, OpenAI's messages, a
    list of turns), or else a text that is what the user says.

    \b
    Examples:
      trm-tui playground
      trm-tui playground outputs/first --sample val.jsonl:12
      trm-tui playground outputs/first --compare outputs/second
      echo 'How much do I owe this month?' | trm-tui playground --plain
    """
    from trm_tui.commands.playground import play

    raise typer.Exit(play(checkpoint, sample, compare, raw, device or "auto", plain))


@app.command("eval")
def evaluate(
    checkpoint: Checkpoint,
    data: Annotated[Path, typer.Argument(metavar="DATA", help="Samples, one JSON line each.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    device: Device = None,
    batch_size: Annotated[Count, _option("N", "Samples in a batch.", min=1)] = None,
    raw: Raw = False,
    halt_threshold: HaltThreshold = None,
) -> None:
    """Evaluate a checkpoint on a file of samples.

    \b
    Examples:
      trm-tui eval outputs/first/checkpoints/best.pt val.jsonl
      trm-tui eval outputs/first val.jsonl --json | jq .exact_match
    """
    from trm_engine.files.jsonl import write_json
    from trm_engine.runs.folder import find_checkpoint
    from trm_tui.plain.tables import EvaluationTables, steps_table
    from trm_tui.text.console import table_console

    options = {"--device": device, "--batch-size": batch_size, "--halt-threshold": halt_threshold}
    files = str(find_checkpoint(checkpoint)), str(data)
    metrics = _evaluation(*_arguments(options, raw), "--", *files)
    if as_json:
        write_json(metrics)
        return
    console = table_console()
    console.print(EvaluationTables(metrics, f"Evaluation Results\n{metrics['samples']:,} samples"))
    console.print()
    console.print(steps_table(metrics["by_step"]))


@app.command()
def predict(
    checkpoint: Checkpoint,
    file: Annotated[
        str, typer.Argument(metavar="FILE|-", help="JSON lines; - for standard input.")
    ] = "-",
    steps: Annotated[Count, _option("N", "Supervision steps to run.", min=1)] = None,
    device: Device = None,
    raw: Raw = False,
    halt_threshold: HaltThreshold = None,
) -> None:
    """Predict the next action for each line: a sample, or just {"history": [...]}.

    \b
    Examples:
      trm-tui predict outputs/first/checkpoints/best.pt val.jsonl | head -3
      trm-tui predict outputs/first - --steps 2 < conversations.jsonl
    """
    from trm_engine.runs.folder import find_checkpoint
    from trm_engine.runs.launch import start_inference

    options = {"--steps": steps, "--device": device, "--halt-threshold": halt_threshold}
    path = str(find_checkpoint(checkpoint))
    worker = start_inference("predict", *_arguments(options, raw), "--", path, file, stdout=None)
    try:
        status = worker.wait()
    except KeyboardInterrupt:
        worker.wait()
        raise
    raise typer.Exit(128 - status if status < 0 else status)


# Checkpoints ------------------------------------------------------------------------------------


def _arguments(options: dict[str, Any], raw: bool) -> list[str]:
    """Options as a worker takes them."""
    given = [(name, str(value)) for name, value in options.items() if value is not None]
    return [text for pair in given for text in pair] + ["--raw"] * raw


def _evaluation(*arguments: str) -> dict[str, Any]:
    """What a worker finds out; its progress is shown meanwhile."""
    from trm_engine.runs.launch import start_inference
    from trm_tui.plain.progress import progress_bar

    with tempfile.TemporaryFile() as log:
        worker = start_inference("eval", *arguments, stdin=subprocess.DEVNULL, stderr=log)
        try:
            with progress_bar("evaluating", 1) as done:
                result = _last_record(worker, done)
        finally:
            worker.kill()
            worker.wait()
        if result is None:
            log.seek(0)
            typer.echo(log.read().decode(errors="replace").strip(), err=True)
            typer.echo("The worker is gone without a result.", err=True)
            raise typer.Exit(1)
    return result


def _last_record(
    worker: subprocess.Popen[bytes], done: Callable[[float], None]
) -> dict[str, Any] | None:
    """The metrics, or None if the worker dies before; an error of the user's is raised."""
    from trm_engine.errors import UserError
    from trm_engine.files.jsonl import from_message

    for line in worker.stdout or ():
        record = from_message(line)
        kind = record.pop("type")
        if kind == "progress":
            done(record["done"] / max(record["total"], 1))
        elif kind == "error":
            raise UserError(record["message"])
        elif kind == "result":
            result: dict[str, Any] = record
            return result
    return None


def _print_error(message: str) -> None:
    from rich.text import Text

    from trm_engine.errors import shortened
    from trm_tui.text.console import table_console

    text = Text.assemble(("error:", "bold red"), printable(f" {shortened(message)}"))
    table_console(stderr=True).print(text, soft_wrap=True)
