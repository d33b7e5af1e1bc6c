"""The commands that make runs and show them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trm_tui.cli.options import (
    PLAIN_RUN,
    ConfigFile,
    ConfigOption,
    Count,
    Device,
    Number,
    Text,
    flag,
    option,
)
from trm_tui.completion import complete_config, complete_run, complete_setting


def init(
    file: Annotated[
        Path, typer.Argument(metavar="[FILE]", help="Configuration to write (YAML).")
    ] = Path("trm.yaml"),
    train_data: Annotated[
        Text, option("FILE", "Train on these samples. Default: builtin:telecom.")
    ] = None,
    force: Annotated[bool, flag("--force", "Overwrite the file if it exists.")] = False,
) -> None:
    """Write a commented configuration to start from.

    It trains a useful model in minutes on two CPU cores. Every other setting is in it as a comment,
    with what it does and its default.

    \b
    Examples:
      trm-tui init
      trm-tui init mine.yaml --train-data train.jsonl
    """
    from trm_tui.commands.init import write_config

    write_config(file, train_data, force)


def train(
    config: ConfigFile = None,
    config_option: ConfigOption = None,
    train_data: Annotated[
        Text, option("FILE", "Samples, conversations or builtin:telecom.")
    ] = None,
    val_data: Annotated[Text, option("FILE", "The same, to validate on.")] = None,
    slot: Annotated[
        list[str] | None,
        option("NAME", "Slot of conversations of other formats. Can be repeated."),
    ] = None,
    tools: Annotated[Text, option("FILE", "Tools for conversations that list none.")] = None,
    val_split: Annotated[
        Number, option("SHARE", "Share of the training samples to validate on (0 to 1).")
    ] = None,
    tokenizer_path: Annotated[
        Text, option("FILE", "SentencePiece model. Default: train one on the samples.")
    ] = None,
    output_dir: Annotated[
        Text, option("DIR", "Folder of the run. Default: outputs/NAME-DATE-TIME.")
    ] = None,
    checkpoint_dir: Annotated[
        Text, option("DIR", "Folder of the checkpoints. Default: checkpoints/ in the run.")
    ] = None,
    epochs: Annotated[Count, option("N", "Passes over the training samples.")] = None,
    batch_size: Annotated[Count, option("N", "Number of samples in a batch.")] = None,
    learning_rate: Annotated[Number, option("X", "Learning rate after the warm-up.")] = None,
    device: Device = None,
    seed: Annotated[Count, option("N", "Random seed. On a CPU it repeats a run exactly.")] = None,
    settings: Annotated[
        list[str] | None,
        option(
            "SECTION.KEY=VALUE",
            "Change any setting. Can be repeated. SECTION.KEY alone explains it.",
            "--set",
            autocompletion=complete_setting,
        ),
    ] = None,
    resume: Annotated[
        Path | None,
        option("RUN", "Resume the run in this folder.", autocompletion=complete_run),
    ] = None,
    plain: Annotated[bool, flag("--plain", PLAIN_RUN)] = False,
    background: Annotated[
        bool, flag("--background", "Start the training and return at once.")
    ] = False,
) -> None:
    """Train a model and watch it learn.

    In a terminal this opens the live screen. Press ? for its keys. Press q to leave: you can keep
    the training in the background. With --plain, or without a terminal, it prints tables and
    progress. There, Ctrl+C saves a checkpoint and stops.

    \b
    Examples:
      trm-tui train configs/default.yaml
      trm-tui train configs/default.yaml --train-data train.jsonl --epochs 4
      trm-tui train configs/default.yaml --train-data chats.json --slot phone
      trm-tui train configs/paper.yaml --set model.hidden_size=256
      trm-tui train --resume outputs/default-20250131-093000
    """
    from trm_tui.commands.train import run_training

    flags = {
        "--train-data": train_data,
        "--val-data": val_data,
        "--slot": slot or None,
        "--tools": tools,
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


def watch(
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="[RUN|URL]",
            help="Folder of a run, or address of a server. Default: the newest run in outputs/.",
            autocompletion=complete_run,
        ),
    ] = None,
    api_key: Annotated[
        Text, option("KEY", "Key of the server. Better: the variable TRM_TUI_API_KEY.")
    ] = None,
    plain: Annotated[bool, flag("--plain", PLAIN_RUN)] = False,
) -> None:
    """Watch a run: live, finished or failed. Or watch a server.

    You can watch a run from several terminals at once. While it is live you can pause it, evaluate
    it, save a checkpoint or stop it. Leaving the screen does not stop the training.

    \b
    Examples:
      trm-tui watch
      trm-tui watch outputs/default-20250131-093000
      trm-tui watch http://127.0.0.1:8321
    """
    from trm_tui.commands import watch as command

    raise typer.Exit(command.watch(run, api_key, plain))


def runs(
    folder: Annotated[
        Path, typer.Argument(metavar="[FOLDER]", help="Folder that contains the runs.")
    ] = Path("outputs"),
    filter_text: Annotated[
        str,
        option("TEXT", "Only runs that fit: words, or a test on settings and metrics.", "--filter"),
    ] = "",
    sort: Annotated[
        str, option("NAME", "Sort by a setting, val.METRIC, name, state, step or age.")
    ] = "",
    reverse: Annotated[bool, flag("--reverse", "Sort in the other direction.")] = False,
    by_seed: Annotated[
        bool, flag("--by-seed", "Show runs that differ by their seed only as one.")
    ] = False,
    archived: Annotated[bool, flag("--archived", "Show archived runs too.")] = False,
    plain: Annotated[bool, flag("--plain", "Print a table; do not open the screen.")] = False,
    as_json: Annotated[bool, flag("--json", "Print a JSON array.")] = False,
) -> None:
    """List runs, open one, or compare several in one chart.

    The list shows each run's state, steps, age, best evaluation and the settings in which runs
    differ. training.best_metric decides which evaluation is best.

    \b
    Examples:
      trm-tui runs
      trm-tui runs --filter 'val.exact>0.9 and lr<=1e-3' --sort val.exact
      trm-tui runs --plain --by-seed
      trm-tui runs --json | jq '.[0].best'
    """
    from trm_tui.commands.watch import ListOptions, show_runs

    options = ListOptions(filter_text, sort, reverse, by_seed, archived)
    show_runs(folder, plain, as_json, options)


def sweep(
    config: Annotated[
        Path,
        typer.Argument(
            metavar="CONFIG", help="Configuration (YAML).", autocompletion=complete_config
        ),
    ],
    plan: Annotated[
        Path, typer.Argument(metavar="SWEEP", help="Settings to vary and how often (YAML).")
    ],
    out: Annotated[
        Path | None,
        option("DIR", "Folder of the sweep. Default: outputs/CONFIG-SWEEP.", "-o", "--out"),
    ] = None,
    trials: Annotated[Count, option("N", "Number of trials in all.", min=1)] = None,
    workers: Annotated[Count, option("N", "Trials that train at once.", min=1, max=64)] = None,
    plain: Annotated[bool, flag("--plain", PLAIN_RUN)] = False,
) -> None:
    """Search for good settings. Each trial is a run.

    Optuna learns from earlier trials which settings to try, and ends trials that do badly. Run the
    same command again to continue a sweep that was left or killed. It needs the extra sweep: pip
    install 'trm-tui[sweep]'.

    \b
    Examples:
      trm-tui sweep configs/default.yaml sweep.yaml
      trm-tui sweep configs/default.yaml sweep.yaml --trials 50 --workers 4
    """
    from trm_tui.commands.sweep import run_sweep

    raise typer.Exit(run_sweep(config, plan, out, trials, workers, plain))


def report(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN...",
            help="Folders of runs. The first one is what the others are compared with.",
            autocompletion=complete_run,
        ),
    ],
    out: Annotated[Path, option("FILE", "HTML (.html) or Markdown (.md).", "-o", "--out")],
    force: Annotated[bool, flag("--force", "Overwrite FILE if it exists.")] = False,
) -> None:
    """Write a report of a run, or compare several in one.

    The file needs no other file: it has the curves, all figures, confusion matrices, the worst
    errors, the configuration, and the commands that repeat the run. Runs that differ by their seed
    only are one curve with a band.

    \b
    Examples:
      trm-tui report outputs/first -o report.html
      trm-tui report outputs/first outputs/second -o comparison.md
    """
    from trm_tui.commands.report import write_report

    write_report(runs, out, force)


def tensorboard(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN...", help="Folders of runs.", autocompletion=complete_run),
    ],
    out: Annotated[Path, option("DIR", "Folder for the event files.", "-o", "--out")],
) -> None:
    """Write runs as event files of TensorBoard: all losses, metrics and the configuration.

    It needs the extra tensorboard: pip install 'trm-tui[tensorboard]'.

    \b
    Examples:
      trm-tui tensorboard outputs/first outputs/second -o tensorboard
    """
    from trm_tui.commands.tensorboard import write_event_files

    write_event_files(runs, out)
