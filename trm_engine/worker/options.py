"""Options of the tasks that need no torch: to serve a model, and to predict with it."""

from __future__ import annotations

import argparse

LISTEN_COUNTS = {
    "--threads": 1,
    "--max-batch": 32,
    "--max-body": 1 << 20,
    "--max-turns": 1000,
    "--max-tools": 512,
}
"""Options of ``listen`` that are counts, and their defaults."""


def add_listen_options(task: argparse.ArgumentParser) -> None:
    """Options to serve a model."""
    task.add_argument("checkpoint", help="a folder, or a file in it")
    task.add_argument("--host", default="127.0.0.1", help="address to listen on")
    task.add_argument("--port", type=int, default=8321)
    task.add_argument("--listener", type=int, help=argparse.SUPPRESS)  # a listening socket
    task.add_argument("--upstream", help="server that answers what no tool is called for")
    task.add_argument("--log-texts", help="keep requests in this file")
    task.add_argument("--redact", action="append", default=[], help="pattern to redact in it")
    task.add_argument("--keep", action="append", default=[], help="pattern not to redact")
    for name, number in LISTEN_COUNTS.items():
        task.add_argument(name, type=int, default=number)
    task.add_argument("--max-wait-ms", type=float, default=0.0, help="time to gather a batch")
    _add_answer_options(task)


def add_predict_options(task: argparse.ArgumentParser) -> None:
    """Options to answer the lines of a file."""
    task.add_argument("checkpoint", help="a folder, or a file in it")
    task.add_argument("file", nargs="?", default="-", help="JSON lines; by default standard input")
    task.add_argument("--steps", type=int, help="supervision steps")
    task.add_argument("--abstain-below", type=float, help="least confidence of an answer")
    _add_answer_options(task)


def _add_answer_options(task: argparse.ArgumentParser) -> None:
    task.add_argument("--halt-threshold", type=float, help="stop at the step whose q reaches it")
    task.add_argument("--tools", help="tools on offer where none are listed")
