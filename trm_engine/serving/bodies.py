"""Bodies: reads the JSON of a request, within limits."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request

from trm_engine.serving.problems import Problem, too_large
from trm_engine.serving.settings import Limits

Body = TypeVar("Body")


async def read_body(request: Request, limits: Limits) -> bytes:
    """All bytes of a body.

    Raises:
        Problem: it is too long, takes too long, or is encoded.
    """
    length = request.headers.get("content-length", "")
    if length.isdecimal() and len(length) < 20 and int(length) > limits.body:
        raise too_large("bytes of a body", limits.body, status=413)
    if request.headers.get("content-encoding", "identity") != "identity":
        raise Problem(415, "expected a body without Content-Encoding", "unsupported_encoding")
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(limits.read_seconds):
            async for part in request.stream():
                size += len(part)
                if size > limits.body:
                    raise too_large("bytes of a body", limits.body, status=413)
                parts.append(part)
    except TimeoutError:
        raise Problem(408, "the body did not arrive in time", "timeout") from None
    except ClientDisconnect:
        raise Problem(400, "the client went away", "disconnected") from None
    return b"".join(parts)


def decoded(body: bytes, kind: type[Body]) -> Body:
    """The body as a type. Raises Problem, which names the field."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at `$")
        param = place.strip("`.") or None
        raise Problem(400, f"{param or 'body'}: {message}", "invalid_value", param) from None
    except msgspec.DecodeError as error:
        raise Problem(400, f"the body is not JSON: {error}", "invalid_json") from None
    except RecursionError:
        raise Problem(400, "the body is nested too deeply", "invalid_json") from None


def check_counts(messages: Any, tools: Any, limits: Limits) -> None:
    """Raise Problem if there are more messages or tools than a request may have."""
    if isinstance(messages, list) and len(messages) > limits.turns:
        raise too_large("messages", limits.turns, "messages")
    if isinstance(tools, list) and len(tools) > limits.tools:
        raise too_large("tools", limits.tools, "tools")
