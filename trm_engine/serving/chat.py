"""Chat completions: OpenAI's interface for tools. ``POST /v1/chat/completions``.

The router writes no text. An answer that is no call is an empty message, or comes from the server
behind this one, if there is one.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType, field
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from trm_engine.inference.route import RoutedCall
from trm_engine.serving.bodies import check_counts, decoded, read_body
from trm_engine.serving.engine import Answered
from trm_engine.serving.problems import Problem
from trm_engine.serving.replies import reply, route_headers
from trm_engine.serving.service import Service

INTERFACE = "chat"
PATH = "/chat/completions"


class StreamOptions(Struct):
    """What a stream has besides its parts."""

    include_usage: bool | None = None


class ChatRequest(Struct):
    """The fields of a request that matter here; others are for the server behind this one."""

    messages: list[Any]
    model: str = ""
    tools: list[Any] | None = None
    functions: list[Any] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: int | None = None


class FunctionCall(Struct):
    """The name of a tool, and its arguments as JSON text."""

    name: str | UnsetType = UNSET
    arguments: str = ""


class ToolCall(Struct, kw_only=True):
    """A call. ``index`` is in streams only."""

    index: int | UnsetType = UNSET
    id: str | UnsetType = UNSET
    type: str | UnsetType = UNSET
    function: FunctionCall


class ChatMessage(Struct, kw_only=True):
    """The assistant's message: calls, or an empty text."""

    role: str = "assistant"
    content: str | None = None
    refusal: None = None
    tool_calls: list[ToolCall] | UnsetType = UNSET


class Choice(Struct, kw_only=True):
    """The only answer of a completion."""

    index: int = 0
    message: ChatMessage
    logprobs: None = None
    finish_reason: str


class ChatUsage(Struct):
    """The tokens that the model read; it writes none."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ChatCompletion(Struct, kw_only=True):
    """The response."""

    id: str
    object: str = "chat.completion"
    created: int
    model: str
    choices: list[Choice]
    usage: ChatUsage
    system_fingerprint: str | None = None


class Chunk(Struct, kw_only=True):
    """A part of a streamed response."""

    id: str
    object: str = "chat.completion.chunk"
    created: int
    model: str
    choices: list[dict[str, Any]] = field(default_factory=list)
    usage: ChatUsage | UnsetType | None = UNSET


async def complete(service: Service, request: Request) -> Response:
    """Answer a request, or have it answered by the server behind this one."""
    body = await read_body(request, service.settings.limits)
    asked = decoded(body, ChatRequest)
    try:
        answered = await _answered(service, asked, len(body))
    except Problem as problem:
        if service.upstream and problem.status == 400:  # such as images: the router reads texts
            return await service.upstream.forward(request, PATH, body)
        raise
    route = answered.route
    if not route.makes_calls and service.upstream:
        service.note(INTERFACE, answered, is_forwarded=True)
        return await service.upstream.forward(request, PATH, body, route)
    service.note(INTERFACE, answered)
    if not route.makes_calls and _choice(asked.tool_choice) not in ("auto", "none"):
        reason = route.abstains or "the model makes no call"
        headers = route_headers(route)
        raise Problem(422, f"tool_choice: {reason}", "no_call", "tool_choice", headers)
    return _response(asked, answered)


async def _answered(service: Service, asked: ChatRequest, size: int) -> Answered:
    tools, choice = _tools(asked), _choice(asked.tool_choice)
    check_counts(asked.messages, tools, service.settings.limits)
    if asked.n not in (None, 1):
        raise Problem(400, "n: expected 1", "invalid_value", "n")
    if choice not in ("auto", "none", "required"):
        _refuse_unlisted(choice, tools)
    return await service.engine.ask(asked.messages, tools, choice, size=size)


def _response(asked: ChatRequest, answered: Answered) -> Response:
    route = answered.route
    calls = route.calls if route.makes_calls else []
    if asked.parallel_tool_calls is False:
        calls = calls[:1]
    headers = route_headers(route)
    common: dict[str, Any] = {
        "id": f"chatcmpl-{secrets.token_hex(12)}",
        "created": int(time.time()),
        "model": answered.model.name,
    }
    usage = ChatUsage(route.tokens, 0, route.tokens)
    made = [
        ToolCall(id=f"call_{secrets.token_hex(12)}", type="function", function=_function(call))
        for call in calls
    ]
    if asked.stream:
        has_usage = bool(asked.stream_options and asked.stream_options.include_usage)
        events = _events(common, made, usage if has_usage else None)
        headers |= {"cache-control": "no-cache"}
        return StreamingResponse(iter(list(events)), 200, headers, "text/event-stream")
    message = ChatMessage(tool_calls=made) if made else ChatMessage(content="")
    finish = "tool_calls" if made else "stop"
    choices = [Choice(message=message, finish_reason=finish)]
    return reply(ChatCompletion(choices=choices, usage=usage, **common), headers=headers)


def _function(call: RoutedCall) -> FunctionCall:
    return FunctionCall(call.name, msgspec.json.encode(call.arguments).decode())


def _events(
    common: dict[str, Any], calls: list[ToolCall], usage: ChatUsage | None
) -> Iterator[bytes]:
    """The parts of a stream: who speaks, each call, why it ends, the usage if it is asked for."""

    def event(*deltas: dict[str, Any], finish: str | None = None) -> bytes:
        choices = [
            {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
            for delta in deltas
        ]
        chunk = Chunk(choices=choices, usage=UNSET if usage is None else None, **common)
        return b"data: " + msgspec.json.encode(chunk) + b"\n\n"

    yield event({"role": "assistant", "content": None if calls else "", "refusal": None})
    for index, call in enumerate(calls):
        begun = FunctionCall(call.function.name, "")
        begin = ToolCall(index=index, id=call.id, type="function", function=begun)
        yield event({"tool_calls": [begin]})
        rest = ToolCall(index=index, function=FunctionCall(arguments=call.function.arguments))
        yield event({"tool_calls": [rest]})
    yield event({}, finish="tool_calls" if calls else "stop")
    if usage is not None:
        yield b"data: " + msgspec.json.encode(Chunk(usage=usage, **common)) + b"\n\n"
    yield b"data: [DONE]\n\n"


def _tools(asked: ChatRequest) -> list[Any]:
    """The functions on offer. Tools of other types have no JSON arguments: they are not called."""
    tools = [*(asked.tools or ()), *(asked.functions or ())]
    allowed = _allowed(asked.tool_choice)
    return [
        tool
        for tool in tools
        if not isinstance(tool, dict)
        or (
            tool.get("type") in (None, "function", "object")
            and (allowed is None or _name(tool) in allowed)
        )
    ]


def _name(tool: dict[str, Any]) -> Any:
    function = tool.get("function")
    return function.get("name") if isinstance(function, dict) else tool.get("name")


def _allowed(choice: str | dict[str, Any] | None) -> set[Any] | None:
    """The names of the tools that ``tool_choice`` allows; None for all."""
    if not isinstance(choice, dict) or choice.get("type") != "allowed_tools":
        return None
    given = choice.get("allowed_tools")
    tools = given.get("tools") if isinstance(given, dict) else None
    if not isinstance(tools, list):
        raise _bad_choice()
    return {_name(tool) for tool in tools if isinstance(tool, dict)}


def _choice(choice: str | dict[str, Any] | None) -> str:
    """ "auto", "none", "required", or the name of a tool."""
    if choice is None:
        return "auto"
    if isinstance(choice, str):
        if choice not in ("auto", "none", "required"):
            raise _bad_choice()
        return choice
    if choice.get("type") == "allowed_tools":
        given = choice.get("allowed_tools")
        mode = given.get("mode", "auto") if isinstance(given, dict) else None
        if mode not in ("auto", "required"):
            raise _bad_choice()
        return str(mode)
    name = _name(choice)
    if not isinstance(name, str) or not name:
        raise _bad_choice()
    return name


def _refuse_unlisted(name: str, tools: list[Any]) -> None:
    if name not in [_name(tool) for tool in tools if isinstance(tool, dict)]:
        raise Problem(400, "tool_choice: not one of the tools", "invalid_value", "tool_choice")


def _bad_choice() -> Problem:
    expected = 'expected "auto", "none", "required", a function of tools, or allowed_tools'
    return Problem(400, f"tool_choice: {expected}", "invalid_value", "tool_choice")
