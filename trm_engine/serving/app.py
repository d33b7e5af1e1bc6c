"""App: the paths of a server, their errors, and their description in OpenAPI."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from trm_engine.serving import chat, decisions, listing, native, systemone
from trm_engine.serving.access import Access
from trm_engine.serving.description import DOCS, described
from trm_engine.serving.facts import facts
from trm_engine.serving.metrics import CONTENT_TYPE
from trm_engine.serving.problems import Problem, openai_form, system_one_form
from trm_engine.serving.replies import reply
from trm_engine.serving.service import Service

Handler = Callable[[Service, Request], Awaitable[Response]]
Log = Callable[[str], None]


@dataclass(frozen=True)
class Interface:
    """A path, what answers it, and how it says what is wrong."""

    name: str
    path: str
    title: str
    handler: Handler
    form: Callable[[Problem], dict[str, Any]]
    asked: type
    answered: type
    invalid: int = 400
    """HTTP status of a request that is wrong."""


INTERFACES = (
    Interface(
        chat.INTERFACE,
        "/v1/chat/completions",
        "Calls of tools, in OpenAI's interface",
        chat.complete,
        openai_form,
        chat.ChatRequest,
        chat.ChatCompletion,
    ),
    Interface(
        decisions.INTERFACE,
        "/v1/decisions",
        "Questions about a conversation, in OpenAI's interface",
        decisions.decide,
        openai_form,
        decisions.DecisionRequest,
        decisions.Decision,
    ),
    Interface(
        systemone.INTERFACE,
        "/v1/systemone",
        "Questions about a conversation, in System One's interface",
        systemone.answer,
        system_one_form,
        systemone.SystemOneRequest,
        systemone.SystemOneResponse,
        invalid=422,
    ),
    Interface(
        native.INTERFACE,
        "/v1/route",
        "All that the model says about a conversation",
        native.route,
        openai_form,
        native.RouteRequest,
        native.RouteResponse,
    ),
)


def app_of(
    service: Service, log: Log, running: Callable[[], AbstractAsyncContextManager[None]]
) -> Starlette:
    """The application of a server.

    Args:
        service: what its paths share.
        log: writes a line. It is given no texts and no headers of requests.
        running: what goes on while the server runs.
    """

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with running():
            yield

    answering = [
        Route(each.path, _endpoint(service, each, log), methods=["POST"]) for each in INTERFACES
    ]
    return Starlette(
        routes=[*answering, *_facts(service)],
        lifespan=lifespan,
        middleware=[Middleware(Access, settings=service.settings)],
        exception_handlers={HTTPException: _no_such_path},
    )


def _endpoint(
    service: Service, interface: Interface, log: Log
) -> Callable[[Request], Awaitable[Response]]:
    """The function that answers a path."""

    async def endpoint(request: Request) -> Response:
        began = time.perf_counter()
        try:
            response = await interface.handler(service, request)
        except Problem as problem:
            status = interface.invalid if problem.status == 400 else problem.status
            response = reply(interface.form(problem), status, problem.headers)
        except Exception as error:
            log(f"{interface.path}: {_place_of(error)}")
            failure = Problem(500, "the server failed to answer", "internal_error")
            response = reply(interface.form(failure), failure.status)
        seconds = time.perf_counter() - began
        service.metrics.count_request(interface.name, response.status_code, seconds)
        return response

    return endpoint


def _facts(service: Service) -> list[Route]:
    """The paths that tell of the server itself."""

    async def models(_: Request) -> Response:
        return reply(listing.models(service.engine.model))

    async def model(request: Request) -> Response:
        if request.path_params["name"] != service.engine.model.name:
            return reply(openai_form(Problem(404, "no such model", "model_not_found")), 404)
        return reply(listing.openai_model(service.engine.model))

    async def healthz(_: Request) -> Response:
        return reply({"status": "ok"})

    async def server(_: Request) -> Response:
        return reply(facts(service, os.getpid()))

    async def metrics(_: Request) -> Response:
        return Response(service.metrics.text(), media_type=CONTENT_TYPE)

    async def openapi(_: Request) -> Response:
        asked = {each.path: (each.title, each.asked, each.answered) for each in INTERFACES}
        return reply(described(asked, FACTS))

    async def docs(_: Request) -> Response:
        return HTMLResponse(DOCS)

    answers = (models, model, healthz, server, metrics, openapi, docs)
    paths = (*FACTS, "/openapi.json", "/docs")
    return [Route(path, answer) for path, answer in zip(paths, answers, strict=True)]


FACTS = {
    "/v1/models": "The model",
    "/v1/models/{name}": "The model, by its name",
    "/healthz": "Whether the server is ready",
    "/v1/server": "What the server is",
    "/metrics": "Figures for Prometheus",
}
"""The paths that tell of the server itself, and what each says."""


async def _no_such_path(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    message = "no such path" if status == 404 else "no such method for this path"
    code = "not_found" if status == 404 else "method_not_allowed"
    return reply(openai_form(Problem(status, message, code)), status)


def _place_of(error: Exception) -> str:
    """What failed and where, without the message, which may have texts of the request."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    if trace is None:
        return type(error).__name__
    code = trace.tb_frame.f_code
    return f"{type(error).__name__} in {code.co_qualname}, line {trace.tb_lineno}"
