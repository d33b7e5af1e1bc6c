"""Answer on standard output: an evaluation as JSON lines, predictions one a line."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from itertools import islice
from typing import Any, BinaryIO

from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.data.samples import Conversation, explain, parse_conversation
from trm_engine.errors import DataError, UserError
from trm_engine.inference import Predictor
from trm_engine.training.evaluate import evaluate

BATCH = 16


def evaluate_file(arguments: argparse.Namespace) -> int:
    """Print ``progress`` lines and one ``result`` or ``error`` line."""
    try:
        predictor = Predictor.load(arguments.checkpoint, arguments.device, arguments.raw)
        if arguments.halt_threshold:
            predictor.config.halt_threshold = arguments.halt_threshold
        dataset = TRMToolCallingDataset(
            arguments.data,
            predictor.tokenizer,
            predictor.labels,
            predictor.max_length,
            progress=lambda what, share: None,
        )
        metrics = evaluate(predictor.model, dataset, arguments.batch_size, _print_progress)
    except UserError as error:
        _print({"type": "error", "message": str(error)})
        return 2
    _print({"type": "result", **metrics})
    return 0


def predict_lines(arguments: argparse.Namespace) -> int:
    """Print a prediction for each line of a file or of standard input, in order."""
    try:
        predictor = Predictor.load(arguments.checkpoint, arguments.device, arguments.raw)
        with _open(arguments.file) as file:
            conversations = _conversations(file, arguments.file)
            while batch := list(islice(conversations, 1 if file.isatty() else BATCH)):
                for answer in predictor.predict(batch, arguments.steps, arguments.halt_threshold):
                    _print(answer.to_dict())
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        sys.stdout = None  # nobody reads any more: end quietly
        return 0
    return 0


def _conversations(file: BinaryIO, name: str) -> Iterator[Conversation]:
    for number, raw in enumerate(file, 1):
        if not raw.strip():
            continue
        try:
            yield parse_conversation(raw)
        except ValueError as error:
            raise DataError(f"{name}, line {number}: {explain(error)[0]}") from None


def _open(name: str) -> BinaryIO:
    if name == "-":
        return sys.stdin.buffer
    try:
        return open(name, "rb")
    except OSError as error:
        raise DataError(f"{name}: cannot be read: {error.strerror}") from None


def _print_progress(done: int, total: int) -> None:
    _print({"type": "progress", "done": done, "total": total})


def _print(record: dict[str, Any]) -> None:
    print(json.dumps(record, ensure_ascii=False), flush=True)
