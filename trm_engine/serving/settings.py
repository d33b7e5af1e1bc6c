"""Settings: what a server is told when it starts."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

from trm_engine.errors import UserError

API_KEY = "TRM_TUI_API_KEY"
"""Environment variable with the key that clients must send."""
UPSTREAM_KEY = "TRM_TUI_UPSTREAM_API_KEY"
"""Environment variable with the key for the server behind this one."""

HOST, PORT = "127.0.0.1", 8321


@dataclass(frozen=True)
class Limits:
    """What a request may cost.

    Attributes:
        body: bytes of a body.
        turns: messages of a conversation.
        tools: tools on offer.
        questions: questions of a request for decisions.
        waiting: requests that wait for the model; further ones are refused.
        read_seconds: time for a body to arrive.
        answer_seconds: time for the model to answer.
    """

    body: int = 1 << 20
    turns: int = 1000
    tools: int = 512
    questions: int = 400
    waiting: int = 1024
    read_seconds: float = 10.0
    answer_seconds: float = 30.0


@dataclass(frozen=True)
class Settings:
    """How to serve a model.

    Attributes:
        path: a checkpoint, or the folder of a run.
        host: address to listen on.
        port: 0 for any free one.
        api_key: what clients must send as a bearer token; None for no check.
        upstream: base address of an OpenAI-compatible server for what the router does not call a
            tool for, such as "https://api.example.com/v1".
        upstream_key: the key for it; by default the client's own is passed on if none is asked for
            here.
        upstream_seconds: time for it to begin its answer, and between parts of it.
        device: "cpu", "cuda", ...
        threads: of the processor, for the model.
        raw: use the raw weights instead of their moving average.
        halt_threshold: stop at the first supervision step whose q reaches it.
        tools: a file of the tools on offer where a request lists none.
        max_batch: number of conversations that are computed together.
        max_wait: seconds to wait for more of them.
        stop_seconds: time for requests to be answered when the server stops.
        limits: what a request may cost.
        texts: file to keep conversations in; None to keep none.
        redact: regular expressions of what is taken out of them.
        keep: kinds of ``redaction.PATTERNS`` that are not taken out.
    """

    path: Path
    host: str = HOST
    port: int = PORT
    api_key: str | None = None
    upstream: str | None = None
    upstream_key: str | None = None
    upstream_seconds: float = 300.0
    device: str = "cpu"
    threads: int = 1
    raw: bool = False
    halt_threshold: float | None = None
    tools: Path | None = None
    max_batch: int = 32
    max_wait: float = 0.0
    stop_seconds: int = 30
    limits: Limits = field(default_factory=Limits)
    texts: Path | None = None
    redact: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()


def refuse_open_address(host: str, api_key: str | None) -> None:
    """Raise UserError if other machines could reach the server without a key."""
    if api_key is None and not is_loopback(host):
        raise UserError(
            f"--host {host}: other machines could reach this address, so clients need a key: "
            f"set {API_KEY}, or use --api-key"
        )
    if api_key is not None and (not api_key or not api_key.isascii() or not api_key.isprintable()):
        raise UserError("--api-key: expected printable ASCII characters")


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
