"""Server: listens until it is asked to stop, and loads the checkpoint anew when it changes."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import uvicorn

from trm_engine.printable import one_line
from trm_engine.serving.app import app_of
from trm_engine.serving.engine import Engine
from trm_engine.serving.listening import BACKLOG, address_of, listening
from trm_engine.serving.metrics import Metrics
from trm_engine.serving.redaction import Redactor
from trm_engine.serving.service import Service
from trm_engine.serving.settings import Settings, refuse_open_address
from trm_engine.serving.texts import TextLog
from trm_engine.wording import counted

if TYPE_CHECKING:
    from trm_engine.serving.upstream import Upstream

LOOK_SECONDS = 1.0
"""Time between two looks at the checkpoint's file."""
KEEP_ALIVE_SECONDS = 75
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def serve(settings: Settings, descriptor: int | None = None) -> int:
    """Serve until SIGINT or SIGTERM. SIGHUP loads the checkpoint anew. Returns the exit status.

    ``descriptor`` is that of a listening socket, for which the address has been checked.

    Raises:
        UserError: the checkpoint or the address cannot be used.
    """
    refuse_open_address(settings.host, settings.api_key)
    texts = _texts(settings)
    upstream = _upstream(settings)
    engine = Engine(settings)
    service = Service(settings, engine, Metrics(engine), upstream, texts)
    if texts:
        service.metrics.count_texts_lost(lambda: texts.lost)
    with _listener(settings, descriptor) as listener:
        address = address_of(listener)

        @asynccontextmanager
        async def running() -> AsyncIterator[None]:
            loop = asyncio.get_running_loop()
            asked = asyncio.Event()
            loop.add_signal_handler(signal.SIGHUP, asked.set)
            watch = asyncio.create_task(_watch(engine, asked))
            _greet(service, address)
            yield
            watch.cancel()
            loop.remove_signal_handler(signal.SIGHUP)
            await asyncio.to_thread(service.close)
            if upstream:
                await upstream.close()
            log("stopped")

        config = uvicorn.Config(
            app_of(service, log, running),
            log_config=None,
            access_log=False,
            server_header=False,
            ws="none",
            backlog=BACKLOG,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=settings.stop_seconds,
        )
        for number in STOP_SIGNALS:  # uvicorn stops for them, then sends them once more
            signal.signal(number, lambda *_: None)
        uvicorn.Server(config).run(sockets=[listener])
    return 0


def log(line: str) -> None:
    """Write a line for people; a terminal that is gone is no reason to fail."""
    with suppress(OSError, ValueError):
        print(one_line(line), flush=True)


def _upstream(settings: Settings) -> Upstream | None:
    if settings.upstream is None:
        return None
    from trm_engine.serving.upstream import Upstream  # slow to import

    return Upstream(settings)


def _texts(settings: Settings) -> TextLog | None:
    if settings.texts is None:
        return None
    return TextLog(settings.texts, Redactor(settings.redact, settings.keep), log)


async def _watch(engine: Engine, asked: asyncio.Event) -> None:
    """Load the checkpoint anew when its file has changed, or when that is asked for."""
    while True:
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                await asked.wait()
        is_asked_for = asked.is_set()
        asked.clear()
        if said := await engine.reload(is_asked_for):
            log(said)


def _greet(service: Service, address: str) -> None:
    model, settings = service.engine.model, service.settings
    router = model.router
    tools, slots = counted(len(router.tools), "tool"), counted(len(router.slots), "slot")
    log(f"model     {model.path} ({tools}, {slots})")
    if settings.upstream:
        log(f"upstream  {settings.upstream}")
    if service.texts:
        log(f"texts     are kept in {service.texts.path}, redacted by pattern")
    log(f"key       {'needed' if settings.api_key else 'none, only this machine is answered'}")
    log(f"listening on {address}; Ctrl+C stops, {address}/docs describes it")


def _listener(settings: Settings, descriptor: int | None) -> socket.socket:
    if descriptor is not None:
        return socket.socket(fileno=descriptor)
    return listening(settings.host, settings.port)
