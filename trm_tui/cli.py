"""The `trm-tui` command line: its commands and options.

It imports little more than typer, so that ``--help`` is fast. Each command imports its own code.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from trm_engine.printable import guard_output
from trm_tui.commands.data import app as data_app
from trm_tui.completion import complete_checkpoint, complete_config, complete_run, complete_setting
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
    """Options before the command."""


# Options that several commands share ------------------------------------------------------------


def _option(metavar: str, text: str, *names: str, **more: Any) -> Any:
    return typer.Option(*names, metavar=metavar, help=text, **more)


def _flag(name: str, text: str) -> Any:
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
    _option("FILE", "Same as CONFIG.", "--config", autocompletion=complete_config),
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
    _option("OTHER", "Second checkpoint or run.", autocompletion=complete_checkpoint),
]
Device = Annotated[Text, _option("NAME", "auto (default), cpu, cuda, cuda:N or mps.")]
BatchSize = Annotated[Count, _option("N", "Number of samples in a batch.", min=1)]
Raw = Annotated[bool, _flag("--raw", "Use the raw weights instead of their average (EMA).")]
HaltThreshold = Annotated[
    Number,
    _option("X", "Stop a sample at the first step whose q is at least X (0 to 1).", min=0, max=1),
]


# Commands ---------------------------------------------------------------------------------------


@app.command()
def init(
    file: Annotated[
        Path, typer.Argument(metavar="[FILE]", help="Configuration to write (YAML).")
    ] = Path("trm.yaml"),
    train_data: Annotated[
        Text, _option("FILE", "Train on these samples. Default: builtin:telecom.")
    ] = None,
    force: Annotated[bool, _flag("--force", "Overwrite the file if it exists.")] = False,
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


@app.command()
def train(
    config: ConfigFile = None,
    config_option: ConfigOption = None,
    train_data: Annotated[
        Text, _option("FILE", "Samples, conversations or builtin:telecom.")
    ] = None,
    val_data: Annotated[Text, _option("FILE", "The same, to validate on.")] = None,
    slot: Annotated[
        list[str] | None,
        _option("NAME", "Slot of conversations of other formats. Can be repeated."),
    ] = None,
    tools: Annotated[Text, _option("FILE", "Tools for conversations that list none.")] = None,
    val_split: Annotated[
        Number, _option("SHARE", "Share of the training samples to validate on (0 to 1).")
    ] = None,
    tokenizer_path: Annotated[
        Text, _option("FILE", "SentencePiece model. Default: train one on the samples.")
    ] = None,
    output_dir: Annotated[
        Text, _option("DIR", "Folder of the run. Default: outputs/NAME-DATE-TIME.")
    ] = None,
    checkpoint_dir: Annotated[
        Text, _option("DIR", "Folder of the checkpoints. Default: checkpoints/ in the run.")
    ] = None,
    epochs: Annotated[Count, _option("N", "Passes over the training samples.")] = None,
    batch_size: Annotated[Count, _option("N", "Number of samples in a batch.")] = None,
    learning_rate: Annotated[Number, _option("X", "Learning rate after the warm-up.")] = None,
    device: Device = None,
    seed: Annotated[Count, _option("N", "Random seed. On a CPU it repeats a run exactly.")] = None,
    settings: Annotated[
        list[str] | None,
        _option(
            "SECTION.KEY=VALUE",
            "Change any setting. Can be repeated. SECTION.KEY alone explains it.",
            "--set",
            autocompletion=complete_setting,
        ),
    ] = None,
    resume: Annotated[
        Path | None,
        _option("RUN", "Resume the run in this folder.", autocompletion=complete_run),
    ] = None,
    plain: Annotated[bool, _flag("--plain", PLAIN_RUN)] = False,
    background: Annotated[
        bool, _flag("--background", "Start the training and return at once.")
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


@app.command("watch")
def watch_command(
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="[RUN|URL]",
            help="Folder of a run, or address of a server. Default: the newest run in outputs/.",
            autocompletion=complete_run,
        ),
    ] = None,
    api_key: Annotated[
        Text, _option("KEY", "Key of the server. Better: the variable TRM_TUI_API_KEY.")
    ] = None,
    plain: Annotated[bool, _flag("--plain", PLAIN_RUN)] = False,
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
    from trm_tui.commands.watch import watch

    raise typer.Exit(watch(run, api_key, plain))


@app.command()
def runs(
    folder: Annotated[
        Path, typer.Argument(metavar="[FOLDER]", help="Folder that contains the runs.")
    ] = Path("outputs"),
    filter_text: Annotated[
        str,
        _option(
            "TEXT", "Only runs that fit: words, or a test on settings and metrics.", "--filter"
        ),
    ] = "",
    sort: Annotated[
        str, _option("NAME", "Sort by a setting, val.METRIC, name, state, step or age.")
    ] = "",
    reverse: Annotated[bool, _flag("--reverse", "Sort in the other direction.")] = False,
    by_seed: Annotated[
        bool, _flag("--by-seed", "Show runs that differ by their seed only as one.")
    ] = False,
    archived: Annotated[bool, _flag("--archived", "Show archived runs too.")] = False,
    plain: Annotated[bool, _flag("--plain", "Print a table; do not open the screen.")] = False,
    as_json: Annotated[bool, _flag("--json", "Print a JSON array.")] = False,
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


@app.command()
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
        _option("DIR", "Folder of the sweep. Default: outputs/CONFIG-SWEEP.", "-o", "--out"),
    ] = None,
    trials: Annotated[Count, _option("N", "Number of trials in all.", min=1)] = None,
    workers: Annotated[Count, _option("N", "Trials that train at once.", min=1, max=64)] = None,
    plain: Annotated[bool, _flag("--plain", PLAIN_RUN)] = False,
) -> None:
    """Search for good settings. Each trial is a run.

    Optuna chooses the settings of each trial from those before, and ends trials without prospects.
    The same command goes on with a sweep that was left or killed. It needs the extra sweep: pip
    install 'trm-tui[sweep]'.

    \b
    Examples:
      trm-tui sweep configs/default.yaml sweep.yaml
      trm-tui sweep configs/default.yaml sweep.yaml --trials 50 --workers 4
    """
    from trm_tui.commands.sweep import run_sweep

    raise typer.Exit(run_sweep(config, plan, out, trials, workers, plain))


@app.command()
def report(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN...",
            help="Folders of runs. The first one is what the others are compared with.",
            autocompletion=complete_run,
        ),
    ],
    out: Annotated[Path, _option("FILE", "HTML (.html) or Markdown (.md).", "-o", "--out")],
    force: Annotated[bool, _flag("--force", "Overwrite FILE if it exists.")] = False,
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


@app.command()
def tensorboard(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN...", help="Folders of runs.", autocompletion=complete_run),
    ],
    out: Annotated[Path, _option("DIR", "Folder for the event files.", "-o", "--out")],
) -> None:
    """Write runs as event files of TensorBoard: all losses, metrics and the configuration.

    It needs the extra tensorboard: pip install 'trm-tui[tensorboard]'.

    \b
    Examples:
      trm-tui tensorboard outputs/first outputs/second -o tensorboard
    """
    from trm_tui.commands.tensorboard import write_event_files

    write_event_files(runs, out)


@app.command()
def inspect(
    checkpoint: Checkpoint,
    data: Annotated[
        Path | None,
        _option("FILE", "Samples to evaluate on. Default: those of its run.", "--data"),
    ] = None,
    compare: Compare = None,
    raw: Raw = False,
    device: Device = None,
    plain: Annotated[bool, _flag("--plain", PLAIN_TABLES)] = False,
    as_json: Annotated[bool, _flag("--json", "Print one JSON object.")] = False,
) -> None:
    """Show what a checkpoint contains and which samples it gets wrong.

    The screen evaluates the checkpoint when you open the first tab that needs it. With --plain or
    --json it is evaluated only if you pass --data.

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
            help="Checkpoint file, or the folder of a run. Default: the newest run's best.pt.",
            autocompletion=complete_checkpoint,
        ),
    ] = None,
    sample: Annotated[
        Text, _option("FILE:LINE", "Start with the sample on this line of a JSONL file.")
    ] = None,
    compare: Compare = None,
    tools: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Start with these tools on offer. Default: those of the training data.",
        ),
    ] = None,
    mcp: Annotated[
        Text, _option("COMMAND", "Start with the tools of this MCP server on offer.")
    ] = None,
    raw: Raw = False,
    device: Device = None,
    plain: Annotated[
        bool, _flag("--plain", "Read a conversation from standard input and print the answer.")
    ] = False,
) -> None:
    """Write a conversation and see the model's answer at each supervision step.

    The answer is updated while you type. With --plain, standard input is a conversation in JSON (a
    sample, OpenAI messages or a list of turns), or else the plain text of one user turn.

    \b
    Examples:
      trm-tui playground
      trm-tui playground outputs/first --sample val.jsonl:12
      trm-tui playground outputs/first --compare outputs/second
      trm-tui playground outputs/first --mcp 'python server.py'
      echo 'How much do I owe this month?' | trm-tui playground --plain
    """
    from trm_tui.commands.data_tools import given_tools
    from trm_tui.commands.playground import play

    catalogue = given_tools(tools, mcp)
    offered = catalogue.all_tools() if catalogue else []
    raise typer.Exit(play(checkpoint, sample, compare, offered, raw, device or "auto", plain))


@app.command("eval")
def evaluate(
    checkpoint: Checkpoint,
    data: Annotated[
        Path,
        typer.Argument(metavar="DATA", help="Samples or conversations; - for standard input."),
    ],
    as_json: Annotated[bool, _flag("--json", "Print one JSON object.")] = False,
    device: Device = None,
    batch_size: BatchSize = None,
    raw: Raw = False,
    halt_threshold: HaltThreshold = None,
    target_accuracy: Annotated[
        Number,
        _option(
            "X",
            "Accuracy of whole answers that is to be kept by abstaining (0 to 1). Default: 0.99.",
            min=0,
            max=1,
        ),
    ] = None,
) -> None:
    """Evaluate a checkpoint on a file of samples.

    \b
    Examples:
      trm-tui eval outputs/first/checkpoints/best.pt val.jsonl
      trm-tui eval outputs/first val.jsonl --json | jq .exact_match
      trm-tui eval outputs/first val.jsonl --target-accuracy 0.95
    """
    from trm_tui.commands import evaluate as evaluate_command

    options = {
        "--device": device,
        "--batch-size": batch_size,
        "--halt-threshold": halt_threshold,
        "--target-accuracy": target_accuracy,
    }
    evaluate_command.evaluate(checkpoint, data, options, raw, as_json)


@app.command()
def predict(
    checkpoint: Checkpoint,
    file: Annotated[
        str,
        typer.Argument(metavar="FILE|-", help="Samples or conversations; - for standard input."),
    ] = "-",
    steps: Annotated[Count, _option("N", "Number of supervision steps.", min=1)] = None,
    device: Device = None,
    raw: Raw = False,
    halt_threshold: HaltThreshold = None,
    tools: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Tools on offer where a line lists none. Default: those of the training data.",
        ),
    ] = None,
    abstain_below: Annotated[
        Number,
        _option(
            "X",
            "Mark answers with a lower confidence (0 to 1) as abstentions. "
            "Default: the model's threshold, if training.target_accuracy was set.",
            min=0,
            max=1,
        ),
    ] = None,
) -> None:
    """Predict the next action for each sample or conversation of a file.

    A line is a sample, or just {"history": [...]}. For a conversation of another format, what
    follows is predicted if it ends with a user or a tool, else every decision of it. The
    predictions are printed as JSON lines.

    \b
    Examples:
      trm-tui predict outputs/first/checkpoints/best.pt val.jsonl | head -3
      trm-tui predict outputs/first - --steps 2 < conversations.jsonl
      trm-tui predict outputs/first conversations.jsonl --tools tools.json
    """
    from trm_tui.commands import predict as predict_command

    options = {
        "--steps": steps,
        "--device": device,
        "--halt-threshold": halt_threshold,
        "--abstain-below": abstain_below,
        "--tools": tools,
    }
    raise typer.Exit(predict_command.predict(checkpoint, file, options, raw))


@app.command()
def export(
    checkpoint: Checkpoint,
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="Folder to write. It must not exist yet.")
    ],
    kind: Annotated[
        Literal["safetensors", "onnx", "onnx-int8"],
        _option(
            "FORMAT",
            "safetensors (default), onnx (graphs for onnxruntime) or onnx-int8 (smaller).",
            "--format",
        ),
    ] = "safetensors",
    data: Annotated[
        Text, _option("FILE", "Samples to compare on. Default: those of its run.")
    ] = None,
    raw: Raw = False,
    force: Annotated[bool, _flag("--force", "Replace OUT if it is an older export.")] = False,
) -> None:
    """Write a model as a folder that others can read, and prove that it answers the same.

    The folder takes the place of a checkpoint: predict, serve and Router.load read it; eval and
    inspect read the format safetensors. The samples go through the checkpoint and through the
    export. What differs, size, time and memory are printed and written to the folder, with a model
    card.

    \b
    Examples:
      trm-tui export outputs/first exported
      trm-tui export outputs/first exported-onnx --format onnx
      trm-tui export outputs/first/checkpoints/best.pt exported --data val.jsonl --force
    """
    from trm_tui.commands import export as export_command

    options = {"--format": kind, "--data": data}
    raise typer.Exit(export_command.export(checkpoint, out, options, raw, force))


@app.command()
def serve(
    checkpoint: Checkpoint,
    host: Annotated[
        str, _option("ADDRESS", "Address to listen on. Others than loopback need a key.")
    ] = "127.0.0.1",
    port: Annotated[
        int, _option("N", "Port to listen on; 0 for any free one.", min=0, max=65535)
    ] = 8321,
    api_key: Annotated[
        Text,
        _option("KEY", "Key that clients must send. Better: the variable TRM_TUI_API_KEY."),
    ] = None,
    upstream: Annotated[
        Text,
        _option(
            "URL",
            "OpenAI-compatible server that answers what the model calls no tool for. Its key: "
            "TRM_TUI_UPSTREAM_API_KEY.",
        ),
    ] = None,
    tools: Annotated[
        Path | None,
        _option("FILE", "Tools on offer where a request lists none. Default: those of training."),
    ] = None,
    device: Annotated[Text, _option("NAME", "cpu (default), auto, cuda, cuda:N or mps.")] = None,
    raw: Raw = False,
    halt_threshold: HaltThreshold = None,
    threads: Annotated[Count, _option("N", "Threads of the model. Default: 1.", min=1)] = None,
    max_batch: Annotated[
        Count, _option("N", "Requests that are computed together. Default: 32.", min=1)
    ] = None,
    max_wait_ms: Annotated[
        Number, _option("X", "Milliseconds to wait for more of them. Default: 0.", min=0, max=1000)
    ] = None,
    max_body: Annotated[
        Count, _option("BYTES", "Largest body of a request. Default: 1 MiB.", min=1)
    ] = None,
    max_turns: Annotated[
        Count, _option("N", "Most messages in a request. Default: 1000.", min=1)
    ] = None,
    max_tools: Annotated[
        Count, _option("N", "Most tools in a request. Default: 512.", min=1)
    ] = None,
    log_texts: Annotated[
        Path | None,
        _option("FILE", "Keep conversations and answers, redacted. Without it, none is kept."),
    ] = None,
    redact: Annotated[
        list[str] | None,
        _option("REGEX", "Take more out of what is kept. Can be repeated."),
    ] = None,
    keep: Annotated[
        list[str] | None,
        _option("KIND", "Do not take out: key, email, iban, card or phone. Can be repeated."),
    ] = None,
    screen: Annotated[
        bool, _flag("--screen", "Show the traffic; leaving the screen stops the server.")
    ] = False,
) -> None:
    """Serve a model over HTTP, in the interfaces of OpenAI and System One.

    Clients of OpenAI need another base URL: http://127.0.0.1:8321/v1. The server answers
    /v1/chat/completions with calls of tools, questions at /v1/decisions and /v1/systemone, and
    /v1/route with all that the model says. A new checkpoint is loaded when the file changes. Ctrl+C
    stops after the requests that have begun.

    \b
    Examples:
      trm-tui serve outputs/first
      trm-tui serve outputs/first --port 9000 --upstream https://api.example.com/v1
      trm-tui serve outputs/first --host 0.0.0.0 --api-key KEY
      trm-tui serve outputs/first --log-texts texts.jsonl --screen
    """
    from trm_tui.commands import serve as serve_command

    options = {
        "--host": host,
        "--port": port,
        "--upstream": upstream,
        "--device": device,
        "--halt-threshold": halt_threshold,
        "--threads": threads,
        "--max-batch": max_batch,
        "--max-wait-ms": max_wait_ms,
        "--max-body": max_body,
        "--max-turns": max_turns,
        "--tools": tools,
        "--max-tools": max_tools,
        "--log-texts": log_texts,
        "--redact": redact,
        "--keep": keep,
    }
    raise typer.Exit(serve_command.serve(checkpoint, options, api_key, raw, screen))
