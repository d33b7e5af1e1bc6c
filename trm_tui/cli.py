"""The `trm-tui` command. At import it needs only typer; a command imports what it uses."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from trm_tui.data_commands import app as data_app

if TYPE_CHECKING:
    from trm_engine.config import Config
    from trm_engine.runs.folder import RunFolder

Flags = dict[str, Any]

USER_ERROR = 2
INTERRUPTED = 130
BROKEN_PIPE = 141

FLAG_KEYS = {
    "--train-data": "data.train_data",
    "--val-data": "data.val_data",
    "--val-split": "data.val_split",
    "--tokenizer-path": "data.tokenizer_path",
    "--output-dir": "training.output_dir",
    "--checkpoint-dir": "training.checkpoint_dir",
    "--epochs": "training.num_epochs",
    "--batch-size": "training.batch_size",
    "--learning-rate": "training.learning_rate",
    "--device": "training.device",
    "--seed": "training.seed",
}


class Commands(TyperGroup):
    """All commands; what goes wrong in one becomes a message and an exit status."""

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        from trm_engine.errors import UserError

        try:
            return super().invoke(ctx)
        except UserError as error:
            _print_error(error)
            raise typer.Exit(USER_ERROR) from None
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(BROKEN_PIPE) from None


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
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
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
        bool, typer.Option("--plain", help="Tables and progress bars; the only mode so far.")
    ] = False,
    background: Annotated[
        bool, typer.Option("--background", help="Start the training and return at once.")
    ] = False,
) -> None:
    """Train a model.

    Ctrl+C saves and stops; --resume RUN goes on from there.

    \b
    Examples:
      trm-tui train configs/default.yaml
      trm-tui train configs/default.yaml --train-data train.jsonl --epochs 4
      trm-tui train configs/paper.yaml --set model.hidden_size=256
      trm-tui train --resume outputs/default-20250131-093000
    """
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
    raise typer.Exit(_train(config or config_option, changes, settings or [], resume, background))


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
    from trm_tui.tables import EvaluationTables, steps_table, table_console

    options = {"--device": device, "--batch-size": batch_size, "--halt-threshold": halt_threshold}
    metrics = _evaluation(str(_checkpoint(checkpoint)), str(data), *_arguments(options, raw))
    if as_json:
        typer.echo(json.dumps(metrics, ensure_ascii=False))
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
    from trm_engine.runs.launch import start_inference

    options = {"--steps": steps, "--device": device, "--halt-threshold": halt_threshold}
    path = str(_checkpoint(checkpoint))
    worker = start_inference("predict", path, file, *_arguments(options, raw), stdout=None)
    try:
        status = worker.wait()
    except KeyboardInterrupt:
        worker.wait()
        raise
    raise typer.Exit(128 - status if status < 0 else status)


# Training ---------------------------------------------------------------------------------------


def _train(
    given: Path | None, flags: Flags, settings: list[str], resume: Path | None, background: bool
) -> int:
    """Find the folder and whether to resume in it, write its configuration, and train."""
    if resume:
        _refuse_changes(flags, given, settings)
        folder, is_resumed = _resumable(resume), True
    else:
        source = _source(given)
        folder, is_resumed = _target(given or source, _read(source, flags, settings), flags)
        flags.pop("--output-dir" if is_resumed else "", None)
    if is_resumed:
        _refuse_changes(flags, None, settings)
        source = folder.config
    config = _write(folder, source, flags, settings)
    return _run(folder, config, is_resumed, background)


def _source(given: Path | None) -> Path:
    """The configuration file that CONFIG means."""
    from trm_engine.errors import ConfigError

    if given is None:
        known = sorted(map(str, Path("configs").glob("*.y*ml")))
        hint = f": {', '.join(known)}" if known else " (a YAML file)"
        raise ConfigError(f"give a configuration{hint}, or --resume RUN")
    if not given.is_dir():
        return given
    if not (given / "config.yaml").is_file():
        raise ConfigError(f"{given}: the folder holds no run (there is no config.yaml)")
    return given / "config.yaml"


def _read(source: Path, flags: Flags, settings: list[str], *more: str) -> Config:
    """The configuration with all changes; errors name the flag that was typed."""
    from trm_engine.config import Config
    from trm_engine.errors import ConfigError

    typed = {f"{FLAG_KEYS[flag]}={json.dumps(value)}": flag for flag, value in flags.items()}
    try:
        return Config.from_yaml(source, [*settings, *typed, *more])
    except ConfigError as error:
        message = str(error)
        for override, flag in typed.items():
            message = message.replace(f"--set {override}", f"{flag} {flags[flag]}")
        raise ConfigError(message) from None


def _target(given: Path, config: Config, flags: Flags) -> tuple[RunFolder, bool]:
    """The folder to train in, and whether to resume the run that it holds."""
    from trm_engine.errors import RunError
    from trm_engine.runs.folder import RunFolder, default_output_dir

    folder = RunFolder(default_output_dir(given))
    if given.is_dir() and "--output-dir" not in flags:
        folder = RunFolder(given)
    elif "output_dir" in config.training.model_fields_set:
        folder = RunFolder(Path(config.training.output_dir))
    if not folder.exists():
        return folder, False
    state = _unfinished_state(folder)
    if not _has_checkpoints(folder):
        if state is None and not folder.log.exists():
            raise RunError(
                f"{folder.path}: holds a config.yaml of no run; give another --output-dir"
            )
        return folder, False
    if not _confirms(f"{folder.path} holds an unfinished run ({state}). Resume it?"):
        path = shlex.quote(str(folder.path))
        raise RunError(
            f"{folder.path}: holds an unfinished run ({state})\n"
            f"  go on with it:  trm-tui train --resume {path}\n"
            f"  start another:  give another --output-dir"
        )
    return folder, True


def _resumable(path: Path) -> RunFolder:
    """The run in a folder, if it can go on."""
    from trm_engine.errors import RunError, did_you_mean
    from trm_engine.runs.folder import RunFolder

    folder = RunFolder(path)
    if not folder.exists():
        beside = [str(each.parent) for each in path.parent.glob("*/config.yaml")]
        raise RunError(f"{path}: the folder holds no run{did_you_mean(str(path), beside)}")
    _unfinished_state(folder)
    if not _has_checkpoints(folder):
        again = shlex.quote(str(folder.config))
        raise RunError(f"{path}: nothing was saved yet; start again: trm-tui train {again}")
    return folder


def _unfinished_state(folder: RunFolder) -> str | None:
    """The state of the run in a folder; an error if it is live or finished."""
    from trm_engine.errors import RunError

    if folder.is_live():
        raise RunError(f"{folder.path}: a run is live in this folder; give another --output-dir")
    state = folder.state()
    if state == "finished":
        raise RunError(f"{folder.path}: holds a finished run; give another --output-dir")
    return state


def _has_checkpoints(folder: RunFolder) -> bool:
    from trm_engine.config import Config

    return any(folder.checkpoints(Config.from_yaml(folder.config)).glob("*.pt"))


def _confirms(question: str) -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty() and typer.confirm(question)


def _refuse_changes(flags: Flags, source: Path | None, settings: list[str]) -> None:
    """A resumed run keeps its configuration; only its device may be another."""
    from trm_engine.errors import RunError

    changes = [*([str(source)] if source else []), *flags.keys() - {"--device"}]
    changes += [f"--set {setting}" for setting in settings]
    if changes:
        raise RunError(f"--resume goes on with the run's own config.yaml; leave out {changes[0]}")


def _check_files(config: Config, flags: Flags) -> None:
    """Errors that need no worker to be found."""
    from trm_engine.config import BUILTIN_PREFIX
    from trm_engine.errors import ConfigError, no_such_file

    files = {
        "--train-data": (config.data.train_data, "*.jsonl"),
        "--val-data": (config.data.val_data, "*.jsonl"),
        "--tokenizer-path": (config.data.tokenizer_path, "*.model"),
    }
    for flag, (path, pattern) in files.items():
        if path and not path.startswith(BUILTIN_PREFIX) and not Path(path).is_file():
            name = flag if flag in flags else FLAG_KEYS[flag]
            raise ConfigError(f"{name}: {no_such_file(path, pattern)}")


def _write(folder: RunFolder, source: Path, flags: Flags, settings: list[str]) -> Config:
    """Put the configuration into the run's folder, with paths that hold from anywhere.

    Only what was set is written: the worker fills in the rest, with the sizes the data decide.
    """
    import yaml

    from trm_engine.config import BUILTIN_PREFIX
    from trm_engine.errors import RunError

    config = _read(source, flags, settings)
    _check_files(config, flags)
    paths = {key: getattr(config.data, key) for key in ("train_data", "val_data", "tokenizer_path")}
    places = [
        f"data.{key}={json.dumps(os.path.abspath(path))}"
        for key, path in paths.items()
        if path and not path.startswith(BUILTIN_PREFIX)
    ]
    if "checkpoint_dir" in config.training.model_fields_set:
        path = os.path.abspath(config.training.checkpoint_dir)
        places.append(f"training.checkpoint_dir={json.dumps(path)}")
    places.append(f"training.output_dir={json.dumps(os.path.abspath(folder.path))}")
    config = _read(source, flags, settings, *places)
    folder.create()
    text = yaml.safe_dump(config.model_dump(exclude_unset=True), sort_keys=False)
    try:
        folder.config.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RunError(f"{folder.config}: cannot be written: {error.strerror}") from None
    return config


def _run(folder: RunFolder, config: Config, is_resumed: bool, background: bool) -> int:
    """Start the worker; show the run, or leave it to itself. Returns the exit status."""
    from trm_engine.runs.launch import start_worker

    if background:
        worker = start_worker(folder, config, resume=is_resumed, tied=False)
        events = shlex.quote(str(folder.events))
        typer.echo(f"Training in the background, process {worker.pid}: {folder.path}")
        typer.echo(f"  follow it:  tail -f {events}")
        typer.echo(f"  stop it:    kill {worker.pid}  (it saves first)")
        return 0
    from trm_tui.plain import PlainViewer

    viewer = PlainViewer(folder, config)
    return viewer.follow(start_worker(folder, config, resume=is_resumed))


# Checkpoints ------------------------------------------------------------------------------------


def _checkpoint(path: Path) -> Path:
    """The checkpoint that a path means: itself, or the best, else the last, of a run's folder."""
    from trm_engine.config import Config
    from trm_engine.errors import CheckpointError, no_such_file
    from trm_engine.runs.folder import RunFolder

    if path.is_file():
        return path
    if not path.is_dir():
        raise CheckpointError(no_such_file(path, "*.pt" if path.suffix else "*"))
    run = RunFolder(path)
    folder = run.checkpoints(Config.from_yaml(run.config)) if run.exists() else path
    for name in ("best.pt", "last.pt"):
        if (folder / name).is_file():
            return folder / name
    raise CheckpointError(f"{folder}: holds neither best.pt nor last.pt")


def _arguments(options: dict[str, Any], raw: bool) -> list[str]:
    """Options as a worker takes them."""
    given = [(name, str(value)) for name, value in options.items() if value is not None]
    return [text for pair in given for text in pair] + ["--raw"] * raw


def _evaluation(*arguments: str) -> dict[str, Any]:
    """What a worker finds out; its progress is shown meanwhile."""
    from trm_engine.runs.launch import start_inference
    from trm_tui.plain import progress_bar

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

    for line in worker.stdout or ():
        record = json.loads(line)
        kind = record.pop("type")
        if kind == "progress":
            done(record["done"] / max(record["total"], 1))
        elif kind == "error":
            raise UserError(record["message"])
        elif kind == "result":
            return record
    return None


def _print_error(error: Exception) -> None:
    in_colour = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    prefix = typer.style("error:", fg="red", bold=True) if in_colour else "error:"
    typer.echo(f"{prefix} {error}", err=True)
