"""Upstream: the OpenAI-compatible server behind this one, for what the router does not answer."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from trm_engine.errors import UserError
from trm_engine.inference.route import Route
from trm_engine.serving.problems import Problem
from trm_engine.serving.replies import route_headers
from trm_engine.serving.settings import Settings

BY = "upstream"
SENT = ("content-type", "accept", "accept-encoding", "openai-organization", "openai-project")
"""Headers of a request that are passed on."""
RETURNED = ("content-type", "content-encoding", "x-request-id", "retry-after", "openai-version")
"""Headers of a response that are passed on."""


class Upstream:
    """Passes requests on as they are, and streams the responses back.

    Raises:
        UserError: the address cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        address = httpx2.URL((settings.upstream or "").rstrip("/"))
        if address.scheme not in ("http", "https") or not address.host:
            raise UserError("--upstream: expected an address such as https://api.example.com/v1")
        self._address = str(address)
        self._settings = settings
        timeout = httpx2.Timeout(settings.upstream_seconds, connect=10.0, pool=10.0)
        limits = httpx2.Limits(max_connections=1000, max_keepalive_connections=100)
        self._client = httpx2.AsyncClient(timeout=timeout, limits=limits, follow_redirects=False)

    async def forward(
        self, request: Request, path: str, body: bytes, route: Route | None = None
    ) -> Response:
        """The response of the server behind, with headers that say so.

        ``route`` is the router's answer, if it could read the request.

        Raises:
            Problem: it cannot be reached, or does not answer in time.
        """
        headers = {name: request.headers[name] for name in SENT if name in request.headers}
        if key := self._key(request):
            headers["authorization"] = key
        sent = self._client.build_request(
            "POST", self._address + path, content=body, headers=headers
        )
        try:
            answer = await self._client.send(sent, stream=True)
        except httpx2.TimeoutException:
            raise _problem(504, "did not answer in time", route) from None
        except (httpx2.HTTPError, httpx2.InvalidURL):
            raise _problem(502, "cannot be reached", route) from None
        returned = {name: answer.headers[name] for name in RETURNED if name in answer.headers}
        return StreamingResponse(
            _parts(answer), answer.status_code, {**returned, **route_headers(route, BY)}
        )

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()

    def _key(self, request: Request) -> str | None:
        """The key for the server behind: its own, or the client's if that is not ours."""
        if self._settings.upstream_key:
            return f"Bearer {self._settings.upstream_key}"
        return None if self._settings.api_key else request.headers.get("authorization")


async def _parts(answer: httpx2.Response) -> AsyncIterator[bytes]:
    """The bytes of a response as they come. A client that goes away ends the request."""
    try:
        async for part in answer.aiter_raw():
            yield part
    finally:
        await answer.aclose()


def _problem(status: int, what: str, route: Route | None) -> Problem:
    headers = route_headers(route, BY)
    return Problem(status, f"the upstream server {what}", "upstream_error", headers=headers)
