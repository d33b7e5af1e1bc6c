"""Access: who may ask. A key, if there is one, and no pages of the web behind a user's back."""

from __future__ import annotations

import secrets

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from trm_engine.serving.problems import Problem, openai_form, system_one_form
from trm_engine.serving.replies import reply
from trm_engine.serving.settings import Settings, is_loopback

OPEN = ("/healthz", "/docs", "/openapi.json")
"""Paths that need no key."""


class Access:
    """Refuses requests without the key, and what a page of the web has a browser send.

    A browser names the address that a page believes to be at: without a key, only loopback's names
    are answered. And it asks before it sends JSON, which nobody allows it to.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self._key = settings.api_key.encode() if settings.api_key else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (problem := self._problem(scope)):
            form = system_one_form if scope["path"] == "/v1/systemone" else openai_form
            response = reply(form(problem), problem.status, problem.headers)
            await response(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _problem(self, scope: Scope) -> Problem | None:
        headers = Headers(scope=scope)
        if scope["path"] not in OPEN and not self._has_key(headers):
            message = "expected the server's key: Authorization: Bearer KEY"
            asked = {"www-authenticate": "Bearer"}
            return Problem(401, message, "invalid_api_key", headers=asked)
        if self._key is None and not is_loopback(_name(headers.get("host", ""))):
            return Problem(403, "expected a Host header of this machine", "forbidden_host")
        if scope["method"] == "POST" and not _is_json(headers.get("content-type", "")):
            return Problem(415, "expected Content-Type: application/json", "unsupported_type")
        return None

    def _has_key(self, headers: Headers) -> bool:
        if self._key is None:
            return True
        kind, _, given = headers.get("authorization", "").partition(" ")
        given = given.strip() if kind.lower() == "bearer" else headers.get("x-api-key", "")
        return secrets.compare_digest(given.encode("utf-8", "replace"), self._key)


def _name(host: str) -> str:
    """The host of a Host header, without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()


def _is_json(kind: str) -> bool:
    name = kind.partition(";")[0].strip().lower()
    return name == "application/json" or name.endswith("+json")
