"""App: the paths of a server, their errors, and their description in OpenAPI."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from trm_engine.serving import chat, decisions, listing, native, systemone
from trm_engine.serving.access import Access
from trm_engine.serving.facts import facts
from trm_engine.serving.metrics import CONTENT_TYPE
from trm_engine.serving.problems import Problem, openai_form, system_one_form
from trm_engine.serving.replies import reply
from trm_engine.serving.service import Service

Handler = Callable[[Service, Request], Awaitable[Response]]
Log = Callable[[str], None]
Running = Callable[[], AbstractAsyncContextManager[None]]
Endpoint = Callable[[Request], Awaitable[Response]]
SCHEMAS = "#/components/schemas/{name}"


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
) -> FastAPI:
    """The application of a server.

    Args:
        service: what its paths share.
        log: writes a line. It is given no texts and no headers of requests.
        running: what goes on while the server runs.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with running():
            yield

    app = FastAPI(
        title="trm-tui",
        description="A Tiny Recursive Model that decides an assistant's next tool call.",
        lifespan=lifespan,
        middleware=[Middleware(Access, settings=service.settings)],
        redoc_url=None,
    )
    references, schemas = msgspec.json.schema_components(
        [each for interface in INTERFACES for each in (interface.asked, interface.answered)],
        ref_template=SCHEMAS,
    )
    for place, interface in enumerate(INTERFACES):
        asked, answered = references[2 * place : 2 * place + 2]
        app.add_api_route(
            interface.path,
            _endpoint(service, interface, log),
            methods=["POST"],
            name=interface.name,
            summary=interface.title,
            response_class=Response,
            openapi_extra={
                "requestBody": {"required": True, "content": _json(asked)},
                "responses": {"200": {"description": "The answer.", "content": _json(answered)}},
            },
        )
    _add_facts(app, service)
    app.add_exception_handler(HTTPException, _no_such_path)
    _describe(app, schemas)
    return app


def _endpoint(
    service: Service, interface: Interface, log: Log
) -> Callable[[Request], Awaitable[Response]]:
    """The function that FastAPI calls for a path."""

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


def _add_facts(app: FastAPI, service: Service) -> None:
    """The paths that tell of the server itself."""

    @app.get("/v1/models", summary="The model", response_class=Response)
    async def models() -> Response:
        return reply(listing.models(service.engine.model))

    @app.get("/v1/models/{name}", summary="The model, by its name", response_class=Response)
    async def model(name: str) -> Response:
        if name != service.engine.model.name:
            return reply(openai_form(Problem(404, "no such model", "model_not_found")), 404)
        return reply(listing.openai_model(service.engine.model))

    @app.get("/healthz", summary="Whether the server is ready", response_class=Response)
    async def healthz() -> Response:
        return reply({"status": "ok"})

    @app.get("/v1/server", summary="What the server is", response_class=Response)
    async def server() -> Response:
        return reply(facts(service, os.getpid()))

    @app.get("/metrics", summary="Figures for Prometheus", response_class=Response)
    async def metrics() -> Response:
        return Response(service.metrics.text(), media_type=CONTENT_TYPE)


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


def _describe(app: FastAPI, schemas: dict[str, Any]) -> None:
    """Add the types of requests and responses to the description."""

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
            )
            schema.setdefault("components", {}).setdefault("schemas", {}).update(schemas)
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
