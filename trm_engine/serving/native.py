"""Route: all that the model says about a conversation. ``POST /v1/route``."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field
from starlette.requests import Request
from starlette.responses import Response

from trm_engine.inference.route import RoutedCall, Span
from trm_engine.serving.bodies import check_counts, decoded, read_body
from trm_engine.serving.replies import reply, route_headers
from trm_engine.serving.service import Service

INTERFACE = "route"


class RouteRequest(Struct):
    """A conversation, in any shape that ``trm_engine.Router`` reads.

    ``tools`` are those on offer: all that the model knows if it is left out. ``choice`` is "auto",
    "none", "required" or the name of a tool.
    """

    messages: str | list[Any]
    tools: Any = None
    choice: str = "auto"


class RouteResponse(Struct, kw_only=True):
    """The fields of ``trm_engine.Route``, and the ``model`` that answered."""

    model: str
    decision: str
    calls: list[RoutedCall]
    probability: float
    call_probability: float
    q: float
    confidence: float
    abstains: str
    missing: dict[str, float]
    tools: dict[str, float]
    next_tools: dict[str, float]
    slots: dict[str, str]
    slot_probabilities: dict[str, float]
    slot_spans: dict[str, Span]
    new_tools: list[str] = field(default_factory=list)
    steps_used: int
    tokens: int
    dropped_tokens: int


async def route(service: Service, request: Request) -> Response:
    """Answer a request."""
    limits = service.settings.limits
    body = await read_body(request, limits)
    asked = decoded(body, RouteRequest)
    check_counts(asked.messages, asked.tools, limits)
    answered = await service.engine.ask(asked.messages, asked.tools, asked.choice, size=len(body))
    found = answered.route
    service.note(INTERFACE, answered)
    value = {
        "model": answered.model.name,
        **found.to_dict(),
        "call_probability": found.call_probability,
    }
    return reply(value, headers=route_headers(found))
