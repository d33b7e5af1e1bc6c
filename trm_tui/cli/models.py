"""The commands that use a trained model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from trm_tui.cli.options import (
    PLAIN_TABLES,
    BatchSize,
    Checkpoint,
    Compare,
    Count,
    DataTools,
    Device,
    HaltThreshold,
    Number,
    Raw,
    Text,
    flag,
    option,
)
from trm_tui.completion import complete_checkpoint


def inspect(
    checkpoint: Checkpoint,
    data: Annotated[
        Path | None,
        option("FILE", "Samples to evaluate on. Default: those of its run.", "--data"),
    ] = None,
    tools: DataTools = None,
    compare: Compare = None,
    raw: Raw = False,
    device: Device = None,
    plain: Annotated[bool, flag("--plain", PLAIN_TABLES)] = False,
    as_json: Annotated[bool, flag("--json", "Print one JSON object.")] = False,
) -> None:
    """Show what a checkpoint contains and which samples it gets wrong.

    The screen evaluates the checkpoint when you open the first tab that needs it. With --plain or
    --json it is evaluated only if you pass --data.

    \b
    Examples:
      trm-tui inspect outputs/first
      trm-tui inspect outputs/first/checkpoints/best.pt --data val.jsonl
      trm-tui inspect outputs/first --data logs.jsonl.gz --tools tools.json
      trm-tui inspect outputs/first --compare outputs/second
      trm-tui inspect model.pt --json | jq .summary
    """
    from trm_tui.commands import inspect as inspect_command

    given = (checkpoint, data, tools, compare, raw, device or "auto", plain, as_json)
    raise typer.Exit(inspect_command.inspect(*given))


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
        Text, option("FILE:LINE", "Start with the sample on this line of a JSONL file.")
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
        Text, option("COMMAND", "Start with the tools of this MCP server on offer.")
    ] = None,
    raw: Raw = False,
    device: Device = None,
    plain: Annotated[
        bool, flag("--plain", "Read a conversation from standard input and print the answer.")
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


def evaluate(
    checkpoint: Checkpoint,
    data: Annotated[
        Path,
        typer.Argument(metavar="DATA", help="Samples or conversations; - for standard input."),
    ],
    tools: DataTools = None,
    as_json: Annotated[bool, flag("--json", "Print one JSON object.")] = False,
    device: Device = None,
    batch_size: BatchSize = None,
    raw: Raw = False,
    halt_threshold: HaltThreshold = None,
    target_accuracy: Annotated[
        Number,
        option(
            "X",
            "Accuracy that whole answers reach by abstaining (0 to 1). Default: 0.99.",
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
        "--tools": tools,
        "--device": device,
        "--batch-size": batch_size,
        "--halt-threshold": halt_threshold,
        "--target-accuracy": target_accuracy,
    }
    evaluate_command.evaluate(checkpoint, data, options, raw, as_json)


def predict(
    checkpoint: Checkpoint,
    file: Annotated[
        str,
        typer.Argument(metavar="FILE|-", help="Samples or conversations; - for standard input."),
    ] = "-",
    steps: Annotated[Count, option("N", "Number of supervision steps.", min=1)] = None,
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
        option(
            "X",
            "Mark answers with a lower confidence (0 to 1) as abstentions. "
            "Default: the model's threshold, if training.target_accuracy was set.",
            min=0,
            max=1,
        ),
    ] = None,
) -> None:
    """Predict the next action for each sample or conversation of a file.

    A line is a sample, or just {"history": [...]}. If a conversation of another format ends
    with a turn of the user or a tool, what follows is predicted, otherwise every decision in it.
    The predictions are printed as JSON lines.

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


def export(
    checkpoint: Checkpoint,
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="Folder to write. It must not exist yet.")
    ],
    kind: Annotated[
        Literal["safetensors", "onnx", "onnx-int8"],
        option(
            "FORMAT",
            "safetensors (default), onnx (graphs for onnxruntime) or onnx-int8 (smaller).",
            "--format",
        ),
    ] = "safetensors",
    data: Annotated[
        Text, option("FILE", "Samples to compare on. Default: those of its run.")
    ] = None,
    raw: Raw = False,
    force: Annotated[bool, flag("--force", "Replace OUT if it is an older export.")] = False,
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


def serve(
    checkpoint: Checkpoint,
    host: Annotated[
        str, option("ADDRESS", "Address to listen on. Others than loopback need a key.")
    ] = "127.0.0.1",
    port: Annotated[
        int, option("N", "Port to listen on; 0 for any free one.", min=0, max=65535)
    ] = 8321,
    api_key: Annotated[
        Text,
        option("KEY", "Key that clients must send. Better: the variable TRM_TUI_API_KEY."),
    ] = None,
    upstream: Annotated[
        Text,
        option(
            "URL",
            "OpenAI-compatible server for requests that need no call of a tool. Its key: "
            "TRM_TUI_UPSTREAM_API_KEY.",
        ),
    ] = None,
    tools: Annotated[
        Path | None,
        option("FILE", "Tools on offer where a request lists none. Default: those of training."),
    ] = None,
    device: Annotated[Text, option("NAME", "cpu (default), auto, cuda, cuda:N or mps.")] = None,
    raw: Raw = False,
    halt_threshold: HaltThreshold = None,
    threads: Annotated[Count, option("N", "Threads of the model. Default: 1.", min=1)] = None,
    max_batch: Annotated[
        Count, option("N", "Requests that are computed together. Default: 32.", min=1)
    ] = None,
    max_wait_ms: Annotated[
        Number, option("X", "Milliseconds to wait for more of them. Default: 0.", min=0, max=1000)
    ] = None,
    max_body: Annotated[
        Count, option("BYTES", "Largest body of a request. Default: 1 MiB.", min=1)
    ] = None,
    max_turns: Annotated[
        Count, option("N", "Most messages in a request. Default: 1000.", min=1)
    ] = None,
    max_tools: Annotated[
        Count, option("N", "Most tools in a request. Default: 512.", min=1)
    ] = None,
    log_texts: Annotated[
        Path | None,
        option("FILE", "Keep conversations and answers, redacted. Without it, none is kept."),
    ] = None,
    redact: Annotated[
        list[str] | None,
        option("REGEX", "Take more out of what is kept. Can be repeated."),
    ] = None,
    keep: Annotated[
        list[str] | None,
        option("KIND", "Do not take out: key, email, iban, card or phone. Can be repeated."),
    ] = None,
    screen: Annotated[
        bool, flag("--screen", "Show the traffic; leaving the screen stops the server.")
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
