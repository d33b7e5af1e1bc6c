"""`trm-tui serve`: a worker that serves a model over HTTP, with or without a screen."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trm_engine.runs.folder import find_checkpoint
from trm_engine.serving.listening import address_of, listening
from trm_engine.serving.settings import API_KEY, refuse_open_address
from trm_tui.commands.evaluate import worker_options
from trm_tui.screens.show import has_screen, open_app
from trm_tui.sessions.own_server import OwnServer

if TYPE_CHECKING:
    from textual.screen import Screen

    from trm_tui.settings import Remembered

PASSED_ON = (signal.SIGTERM, signal.SIGHUP)
"""Signals that are meant for the worker. The terminal sends SIGINT to both."""


def serve(
    path: Path, options: dict[str, Any], api_key: str | None, raw: bool, screen: bool = False
) -> int:
    """Serve until asked to stop, with a screen if there can be one. Returns the exit status.

    The worker prints its address and what happens. It finds the checkpoint in the folder of a run
    by itself, for a better one may come.

    Raises:
        UserError: there is no such checkpoint, or the address cannot be used.
    """
    find_checkpoint(path)
    screen = screen and has_screen()
    key = os.environ.get(API_KEY) if api_key is None else api_key
    refuse_open_address(options["--host"], key)
    with listening(options["--host"], options["--port"]) as listener:
        given = [*worker_options(options, raw), "--", str(path)]
        server = OwnServer(given, key, listener, is_quiet=screen)
        if screen:
            return _show(server, address_of(listener), key)
        with _signals_passed_on(server):
            return server.run()


def _show(own: OwnServer, address: str, key: str | None) -> int:
    """Show the server until the screen is left; then stop it. Returns the exit status."""
    waiting = threading.Thread(target=own.run, name="server")
    waiting.start()

    def first(_remembered: Remembered) -> Screen[None]:
        from trm_tui.screens.server import ServerScreen
        from trm_tui.sessions.server import WatchedServer

        return ServerScreen(WatchedServer(address, key), own)

    try:
        status = open_app(first)
    finally:
        if own.status is None:
            own.stop()
        waiting.join()
    if own.status:
        print("\n".join(own.lines))
    return status or own.status or 0


@contextmanager
def _signals_passed_on(server: OwnServer) -> Iterator[None]:
    """Send the worker what this process is sent."""
    before = {each: signal.getsignal(each) for each in PASSED_ON}
    for each in PASSED_ON:
        signal.signal(each, lambda number, _: server.send(number))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
