"""Predict: answer the lines of a file or of standard input, one a line. Imports no torch."""

from __future__ import annotations

import argparse
import os
import sys
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

from trm_engine.data.as_samples import Rejoined, is_request_line, problem_in, samples_file
from trm_engine.data.samples import Conversation, explain, parse_conversation
from trm_engine.errors import DataError, UserError, in_words
from trm_engine.files.jsonl import write_json
from trm_engine.inference.predictor import Predictor
from trm_engine.inference.question import tools_of_file

BATCH = 16


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
