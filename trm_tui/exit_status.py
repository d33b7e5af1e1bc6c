"""Exit statuses of the command line, and the errors behind them."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from trm_engine.errors import UserError, WorkerError, in_words, shortened
from trm_engine.printable import printable

WORKER_FAILED = 1
USER_ERROR = 2
INTERRUPTED = 130
BROKEN_PIPE = 141

NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def errors_as_messages() -> Iterator[None]:
    """Print an error as one message, without a traceback, and exit with its status."""
    try:
        yield
    except UserError as error:
        _exit(USER_ERROR, str(error))
    except WorkerError as error:
        _exit(WORKER_FAILED, "\n".join(filter(None, (str(error), error.details))))
    except KeyboardInterrupt:
        _exit(INTERRUPTED)
    except BrokenPipeError:
        _discard_output()
        _exit(BROKEN_PIPE)
    except OSError as error:
        message = in_words(error)
        if error.filename is None and error.errno in NO_SPACE:
            _discard_output()
            message = f"standard output: {message}"
        _exit(USER_ERROR, message)


def _exit(status: int, message: str = "") -> None:
    if message:
        _print_error(message)
    raise typer.Exit(status) from None


def _discard_output() -> None:
    """Send what is still buffered to /dev/null, so that the flush at exit cannot fail."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print_error(message: str) -> None:
    from rich.text import Text

    from trm_tui.text.console import table_console

    text = Text.assemble(("error:", "bold red"), printable(f" {shortened(message)}"))
    table_console(stderr=True).print(text, soft_wrap=True)
