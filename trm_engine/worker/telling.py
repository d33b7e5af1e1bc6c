"""Telling: a worker's result or error as lines on standard output."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import to_builtins

from trm_engine.errors import UserError, in_words
from trm_engine.files.jsonl import to_message
from trm_engine.printable import data_stream


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


def tell(record: dict[str, Any]) -> None:
    """Write a line for the process that waits for it."""
    stream = data_stream()
    stream.write(to_message(record))
    stream.flush()
