"""Answer on standard output: an evaluation as JSON lines, predictions one a line."""

from __future__ import annotations

import argparse
import os
import sys
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

from msgspec import to_builtins

from trm_engine.data.as_samples import Rejoined, is_request_line, problem_in, samples_file
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.data.samples import Conversation, explain, parse_conversation
from trm_engine.errors import DataError, UserError, in_words
from trm_engine.files.jsonl import to_message, write_json
from trm_engine.inference.predictor import Predictor
from trm_engine.inference.question import tools_of_file
from trm_engine.printable import data_stream
from trm_engine.runs.schema.evaluation import Evaluation
from trm_engine.training.evaluate import evaluate

BATCH = 16


def evaluate_file(arguments: argparse.Namespace) -> int:
    """Print ``progress`` lines and one ``result`` or ``error`` line."""
    return tell_result(lambda: _evaluation(arguments))


def tell_result(work: Callable[[], Any]) -> int:
    """Print what ``work`` returns, or the user's error, as one line. Returns the exit status."""
    try:
        result = work()
    except UserError as error:
        tell({"type": "error", "message": str(error)})
        return 2
    except OSError as error:
        tell({"type": "error", "message": in_words(error)})
        return 2
    tell({"type": "result", **to_builtins(result)})
    return 0


def _evaluation(arguments: argparse.Namespace) -> Evaluation:
    predictor = Predictor.load(arguments.checkpoint, arguments.device, arguments.raw)
    dataset = TRMToolCallingDataset(
        arguments.data,
        predictor.tokenizer,
        predictor.labels,
        predictor.max_length,
        max_tool_tokens=predictor.max_tool_tokens,
    )
    return evaluate(
        predictor.model,
        dataset,
        arguments.batch_size,
        _tell_progress,
        arguments.halt_threshold,
        predictor.calibration,
        arguments.target_accuracy,
    )


def predict_lines(arguments: argparse.Namespace) -> int:
    """Print a prediction for each line of a file or of standard input, in order."""
    try:
        predictor = Predictor.load(arguments.checkpoint, arguments.device, arguments.raw)
        if arguments.abstain_below is not None:
            predictor.abstain_below = arguments.abstain_below
        if arguments.tools is not None:
            predictor.offered = tools_of_file(Path(arguments.tools))
        with _open(arguments.file) as file:
            for batch in _batches(file, arguments.file):
                for answer in predictor.predict(batch, arguments.steps, arguments.halt_threshold):
                    write_json(answer.to_dict())
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        sys.stdout = None  # nobody reads any more: end quietly
        return 0
    except OSError as error:
        print(f"error: {in_words(error)}", file=sys.stderr)
        return 2
    return 0


def _batches(file: Iterable[bytes], name: str) -> Iterator[list[Conversation]]:
    """Conversations to answer together; one by one where somebody may wait for each answer.

    Lines before a bad one are answered before it is reported.
    """
    size = BATCH if os.path.isfile(name) else 1
    batch: list[Conversation] = []
    for number, raw in enumerate(file, 1):
        if not raw.strip():
            continue
        try:
            if told := problem_in(raw):
                number, message = told
                raise ValueError(message)
            batch.append(parse_conversation(raw))
        except ValueError as error:
            yield batch
            raise DataError(f"{name}, line {number}: {explain(error)[0]}") from None
        if len(batch) == size:
            yield batch
            batch = []
    yield batch


@contextmanager
def _open(name: str) -> Iterator[Iterable[bytes]]:
    """The lines of a file, or of standard input as they come. Other formats are converted first."""
    if name == "-":
        first = sys.stdin.buffer.readline().removeprefix(BOM_UTF8)
        if is_request_line(first):
            yield chain([first], sys.stdin.buffer)
            return
        path = samples_file(name, "requests", stream=Rejoined(first, sys.stdin.buffer))
    else:
        path = samples_file(name, "requests")
    try:
        file = open(path, "rb")  # noqa: SIM115
    except OSError as error:
        raise DataError(f"{name}: cannot be read: {error.strerror}") from None
    with file:
        yield file


def _tell_progress(done: int, total: int) -> None:
    tell({"type": "progress", "share": done / max(total, 1)})


def tell(record: dict[str, Any]) -> None:
    """Write a line for the process that waits for it."""
    stream = data_stream()
    stream.write(to_message(record))
    stream.flush()
