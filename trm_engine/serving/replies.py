"""Replies: responses in JSON, with headers that say who answered and how sure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

from trm_engine.inference.route import Route

LONGEST_HEADER = 200


def reply(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A response with a JSON body."""
    body = msgspec.json.encode(value)
    return Response(body, status, dict(headers or {}), media_type="application/json")


def route_headers(route: Route | None, by: str = "router") -> dict[str, str]:
    """Who answered, and how sure the router is. Header names begin with ``x-trm-``."""
    headers = {"x-trm-answered-by": by}
    if route is None:
        return headers
    headers |= {
        "x-trm-decision": route.decision,
        "x-trm-probability": f"{route.probability:.6f}",
        "x-trm-q": f"{route.q:.6f}",
        "x-trm-confidence": f"{route.confidence:.6f}",
    }
    if route.abstains:
        plain = route.abstains.encode("ascii", "backslashreplace").decode()
        plain = "".join(each if each.isprintable() else "?" for each in plain)
        headers["x-trm-abstains"] = plain[:LONGEST_HEADER]
    return headers
