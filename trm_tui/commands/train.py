"""`trm-tui train`: choose the run's folder, write its configuration, start the worker."""

from __future__ import annotations

import math
import os
import sys
import time
from pathlib import Path
from typing import Any

import typer
import yaml

from trm_engine.config import BUILTIN_PREFIX, Config
from trm_engine.errors import ConfigError, RunError, did_you_mean, in_words, no_such_file
from trm_engine.files.atomic import write_atomically
from trm_engine.files.private import private_files
from trm_engine.printable import is_text
from trm_engine.runs import launch
from trm_engine.runs.folder import RunFolder, default_output_dir, hand_over
from trm_tui.screens.show import has_screen, show_run
from trm_tui.text.words import shell_word

Flags = dict[str, Any]

FLAG_KEYS = {
    "--train-data": "data.train_data",
    "--val-data": "data.val_data",
    "--slot": "data.slots",
    "--tools": "data.tools",
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

PATHS = ("train_data", "val_data", "tools", "tokenizer_path")


def run_training(
    given: Path | None,
    flags: Flags,
    settings: list[str],
    resume: Path | None,
    background: bool,
    plain: bool,
) -> int:
    """Train a new run, or resume one. Returns the exit status."""
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
    _refuse_names(folder, _read(source, flags, settings))
    if not is_resumed:  # a run goes on with the data that it began with, wherever their file is
        _refuse_empty(source, _read(source, flags, settings))
        _check_files(_read(source, flags, settings), flags)
    config, lock = write_run(folder, source, flags, settings, is_resumed)
    return _run(folder, config, lock, is_resumed, background, plain)


def _source(given: Path | None) -> Path:
    """The configuration file for CONFIG, which is a file or a run's folder."""
    if given is None:
        known = sorted(map(str, Path("configs").glob("*.y*ml")))
        hint = f": {', '.join(known)}" if known else "; `trm-tui init` writes one"
        raise ConfigError(f"give a configuration{hint}, or --resume RUN")
    if not given.is_dir():
        return given
    if not (given / "config.yaml").is_file():
        raise ConfigError(f"{given}: the folder contains no run (there is no config.yaml)")
    return given / "config.yaml"


def _read(source: Path, flags: Flags, settings: list[str], *more: str) -> Config:
    """The configuration with all changes. Errors name the flag as it was typed."""
    typed = {f"{FLAG_KEYS[flag]}={_yaml(value)}": flag for flag, value in flags.items()}
    try:
        return Config.from_yaml(source, [*settings, *typed, *more])
    except ConfigError as error:
        message = str(error)
        for override, flag in typed.items():
            message = message.replace(f"--set {override}", f"{flag} {flags[flag]}")
        raise ConfigError(message) from None


def _target(given: Path, config: Config, flags: Flags) -> tuple[RunFolder, bool]:
    """The folder to train in, and whether to resume the run in it."""
    folder = RunFolder(default_output_dir(given))
    if given.is_dir() and "--output-dir" not in flags:
        folder = RunFolder(given)
    elif "output_dir" in config.training.model_fields_set:
        folder = RunFolder(Path(config.training.output_dir))
    if not folder.exists():
        return folder, False
    state = _unfinished_state(folder)
    if not has_checkpoints(folder):
        if state is None and not folder.log.exists():
            raise RunError(
                f"{folder.path}: has a config.yaml but no run; choose another --output-dir"
            )
        return folder, False
    if not _confirms(f"{folder.path} contains an unfinished run ({state}). Resume it?"):
        path = shell_word(folder.path)
        raise RunError(
            f"{folder.path}: contains an unfinished run ({state})\n"
            f"  resume it:      trm-tui train --resume {path}\n"
            f"  start another:  choose another --output-dir"
        )
    return folder, True


def _resumable(path: Path) -> RunFolder:
    """The run in a folder, if it can be resumed."""
    folder = RunFolder(path)
    if not folder.exists():
        beside = [str(each.parent) for each in path.parent.glob("*/config.yaml")]
        raise RunError(f"{path}: the folder contains no run{did_you_mean(str(path), beside)}")
    _unfinished_state(folder)
    if not has_checkpoints(folder):
        again = shell_word(folder.config)
        raise RunError(f"{path}: no checkpoint was saved yet; start again: trm-tui train {again}")
    return folder


def _unfinished_state(folder: RunFolder) -> str | None:
    """The state of the run in a folder. Raises RunError if it is live or finished."""
    if folder.is_live():
        raise RunError(f"{folder.path}: a run is live in this folder; choose another --output-dir")
    state = folder.state()
    if state == "finished":
        raise RunError(f"{folder.path}: contains a finished run; choose another --output-dir")
    return state


def has_checkpoints(folder: RunFolder) -> bool:
    """Whether a run can be resumed."""
    return any(folder.checkpoints(folder.read_config()).glob("*.pt"))


def _confirms(question: str) -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty() and typer.confirm(question)


def _refuse_changes(flags: Flags, source: Path | None, settings: list[str]) -> None:
    """A resumed run keeps its configuration. Only the device may change."""
    changes = [*([str(source)] if source else []), *flags.keys() - {"--device"}]
    changes += [f"--set {setting}" for setting in settings]
    if changes:
        raise RunError(f"--resume uses the run's own config.yaml; leave out {changes[0]}")


def _refuse_empty(source: Path, config: Config) -> None:
    """The defaults are a large model, which nobody means to train who sets nothing."""
    if not any(getattr(config, section).model_fields_set for section in Config.model_fields):
        raise ConfigError(
            f"{source}: it sets nothing, and the defaults are a large model for a GPU; "
            "`trm-tui init` writes a configuration to start from"
        )


def _refuse_names(folder: RunFolder, config: Config) -> None:
    """Raise ConfigError for a path that cannot be used or is not text."""
    paths = {
        "training.output_dir": os.path.abspath(folder.path),
        "training.checkpoint_dir": config.training.checkpoint_dir,
        "data.train_data": config.data.train_data,
        "data.val_data": config.data.val_data or "",
        "data.tools": config.data.tools or "",
        "data.tokenizer_path": config.data.tokenizer_path or "",
    }
    for key, path in paths.items():
        if not is_text(path):
            raise ConfigError(f"{key}: {path}: its name is not UTF-8 text; rename it")
        try:
            os.stat(path)
        except (FileNotFoundError, NotADirectoryError):  # reported where the path is used
            continue
        except OSError as error:
            raise ConfigError(f"{key}: {in_words(error)}") from None


def _check_files(config: Config, flags: Flags) -> None:
    """Raise ConfigError for missing data files, before a worker starts."""
    files = {
        "--train-data": (config.data.train_data, "*.jsonl"),
        "--val-data": (config.data.val_data, "*.jsonl"),
        "--tools": (config.data.tools, "*.json"),
        "--tokenizer-path": (config.data.tokenizer_path, "*.model"),
    }
    for flag, (path, pattern) in files.items():
        if not path or path.startswith(BUILTIN_PREFIX) or Path(path).is_file():
            continue
        name = flag if flag in flags else FLAG_KEYS[flag]
        if path == "-" or Path(path).is_fifo():
            raise ConfigError(
                f"{name}: training reads {path} several times, so it must be a file; write it to "
                f"one first: … | trm-tui data convert - {pattern.replace('*', 'train')}"
            )
        raise ConfigError(f"{name}: {no_such_file(path, pattern)}")


def write_run(
    folder: RunFolder, source: Path, flags: Flags, settings: list[str], is_resumed: bool
) -> tuple[Config, int]:
    """Write config.yaml into the run's folder, with absolute paths.

    Only the settings that were given are written. The worker adds the others, with the sizes that
    depend on the data. Returns the configuration and the run's lock, which the worker inherits.
    """
    config = _read(source, flags, settings)
    paths = {key: getattr(config.data, key) for key in PATHS}
    places = [
        f"data.{key}={_yaml(os.path.abspath(path))}"
        for key, path in paths.items()
        if path and not path.startswith(BUILTIN_PREFIX)
    ]
    if "checkpoint_dir" in config.training.model_fields_set:
        path = os.path.abspath(config.training.checkpoint_dir)
        places.append(f"training.checkpoint_dir={_yaml(path)}")
    places.append(f"training.output_dir={_yaml(os.path.abspath(folder.path))}")
    config = _read(source, flags, settings, *places)
    folder.create()
    lock = hand_over(folder)
    if not is_resumed and folder.exists() and has_checkpoints(folder):
        os.close(lock)
        raise RunError(
            f"{folder.path}: another run has just started here; choose another --output-dir"
        )
    text = yaml.safe_dump(config.model_dump(exclude_unset=True), sort_keys=False)
    try:
        with private_files():
            write_atomically(folder.config, text)
    except OSError as error:
        os.close(lock)
        raise RunError(f"{folder.config}: cannot be written: {error.strerror}") from None
    return config, lock


def _yaml(value: Any) -> str:
    """A flag's value as YAML. JSON would write 😀 as two characters."""
    style = '"' if isinstance(value, str) else None
    text = yaml.safe_dump(value, default_style=style, default_flow_style=True, width=math.inf)
    return text.removesuffix("\n...\n").strip()


def _run(
    folder: RunFolder, config: Config, lock: int, is_resumed: bool, background: bool, plain: bool
) -> int:
    """Start the worker and, unless in the background, show the run."""
    if background:
        worker = launch.start_worker(folder, resume=is_resumed, tied=False, lock=lock)
        typer.echo(f"Training in the background, process {worker.pid}: {folder.path}")
        typer.echo(f"  watch it:  trm-tui watch {shell_word(folder.path)}")
        typer.echo(f"  stop it:   kill {worker.pid}  (it saves a checkpoint first)")
        return 0
    if not plain and has_screen():
        since = time.time()
        worker = launch.start_worker(folder, resume=is_resumed, lock=lock)
        return show_run(folder, worker, since)
    from trm_tui.plain.viewer import PlainViewer

    viewer = PlainViewer(folder, config)
    return viewer.follow(launch.start_worker(folder, resume=is_resumed, lock=lock))
