"""Facts: describes a server to its viewers, at ``GET /v1/server``. Its metrics have the figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from trm_engine.serving.drift import Shares

if TYPE_CHECKING:
    from trm_engine.serving.service import Service


class ServerFacts(Struct, kw_only=True):
    """What a server is.

    Attributes:
        model: the model's name.
        checkpoint: its file.
        created: when that was written, in seconds since 1970.
        started: when the server began.
        process: its process number.
        upstream: the address of the server behind it.
        texts: the file that keeps conversations.
        abstain_below: answers less sure than this are not used.
        validation: the shares of the checkpoint's last evaluation.
        newest: the shares of the newest answers, to compare with them.
        tools: the tools that the model knows.
    """

    model: str
    checkpoint: str
    created: int
    started: float
    process: int
    upstream: str | None = None
    texts: str | None = None
    abstain_below: float = 0.0
    validation: Shares | None = None
    newest: Shares | None = None
    tools: list[str] = []


def facts(service: Service, process: int) -> ServerFacts:
    """Those of a server."""
    model = service.engine.model
    return ServerFacts(
        model=model.name,
        checkpoint=str(model.path.absolute()),
        created=model.created,
        started=service.started,
        process=process,
        upstream=service.settings.upstream,
        texts=str(service.texts.path) if service.texts else None,
        abstain_below=model.router.predictor.abstain_below,
        validation=model.validation,
        newest=service.metrics.drift.shares(),
        tools=model.router.tools,
    )
