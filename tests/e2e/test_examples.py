"""The examples against the real packages of the frameworks that they are for."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import jsonschema
import pytest
from msgspec.structs import replace

from tests.e2e.servers import Behind, Served, behind, served
from tests.inspected import finished_run
from tests.support import ROOT, TOOLS, dialogues
from trm_engine import Router
from trm_engine.data.dataset import TRMToolCallingDataset

pytestmark = pytest.mark.slow

ASKED: Any = [{"role": "user", "content": "It is 0901234567, my name is An."}]


def example(name: str, *packages: str) -> ModuleType:
    """An example; the test is skipped if a package is missing that it needs."""
    for package in packages:
        pytest.importorskip(package, reason=f"examples/{name}.py needs {package}")
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def folder(dataset: TRMToolCallingDataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished_run(tmp_path_factory.mktemp("runs") / "run", dataset).path


@pytest.fixture(scope="module")
def router(folder: Path) -> Router:
    return Router.load(folder)


@pytest.fixture(scope="module")
def large() -> Iterator[Behind]:
    with behind() as large:
        yield large


@pytest.fixture(scope="module")
def server(folder: Path, large: Behind) -> Iterator[Served]:
    with served(folder, "--upstream", large.url) as server:
        yield server


def answered(router: Router, tools: list[Any]) -> str:
    """A text of a user to which the router calls no tool."""
    texts = [turn["content"] for each in dialogues() for turn in each["history"]]
    said = [text for text in texts if isinstance(text, str)]
    routes = router.route_many([[{"role": "user", "content": text}] for text in said], tools)
    found = zip(said, routes, strict=True)
    return next(text for text, route in found if route.decision == "direct_answer")


def test_openai_sdk(server: Served) -> None:
    calls_for = example("openai_sdk", "openai").calls_for
    ((name, arguments),) = calls_for(server.url, ASKED, TOOLS, tool_choice="required")
    (tool,) = (each["function"] for each in TOOLS if each["function"]["name"] == name)
    jsonschema.validate(arguments, tool["parameters"])
    assert calls_for(server.url, ASKED, TOOLS, tool_choice="none") == []


def test_langgraph(server: Served, router: Router) -> None:
    module = example("langgraph_agent", "langgraph", "langchain_openai")
    from langchain_core.tools import tool
    from langchain_core.utils.function_calling import convert_to_openai_tool

    used: list[str] = []

    @tool
    def find_customer(phone: str = "") -> str:
        """Look a customer up."""
        used.append(phone)
        return "found"

    offered = [convert_to_openai_tool(find_customer)]
    said = {"messages": [("user", answered(router, offered))]}
    messages = module.agent(server.url, [find_customer]).invoke(said)["messages"]
    assert messages[-1].content == "Hello from behind."
    assert used == []
    graph = module.agent(server.url, [find_customer], tool_choice="required")
    steps = graph.stream(said, stream_mode="updates")
    first, second = next(steps), next(steps)
    (call,) = first["decide"]["messages"][0].tool_calls
    assert call["name"] == "find_customer"
    assert second["tools"]["messages"][0].content == "found"
    assert used == [call["args"].get("phone", "")]


def test_pydantic_ai(server: Served, router: Router) -> None:
    module = example("pydantic_ai_agent", "pydantic_ai", "openai")
    from pydantic_ai import Agent
    from pydantic_ai.direct import model_request_sync
    from pydantic_ai.messages import ModelRequest, ToolCallPart
    from pydantic_ai.models import ModelRequestParameters
    from pydantic_ai.tools import ToolDefinition

    def find_customer(phone: str = "") -> str:
        """Look a customer up."""
        return "found"

    model = module.model_at(server.url)
    tools = [
        ToolDefinition(name=each["name"], parameters_json_schema=each["parameters"])
        for each in (tool["function"] for tool in TOOLS)
    ]
    asked = ModelRequestParameters(function_tools=tools, allow_text_output=False)
    request = [ModelRequest.user_text_prompt(ASKED[0]["content"])]
    answer = model_request_sync(model, request, model_request_parameters=asked)
    (call,) = (part for part in answer.parts if isinstance(part, ToolCallPart))
    assert call.tool_name in router.tools
    assert isinstance(call.args_as_dict(), dict)
    said = answered(router, TOOLS[:1])
    assert Agent(model, tools=[find_customer]).run_sync(said).output == "Hello from behind."


async def test_llamaindex(router: Router) -> None:
    module = example("llamaindex_selector", "llama_index.core")
    from llama_index.core.tools import ToolMetadata

    selector = module.RouterSelector(router)
    choices = [ToolMetadata(description="", name=name) for name in ("other", *router.tools)]
    for said in (ASKED[0]["content"], "hello", "the cheaper one for 3 months"):
        route = router.route(said, [choice.to_openai_tool() for choice in choices])
        shares = route.tools if route.decision == "tool_call" else route.next_tools
        (selected,) = selector.select(choices, said).selections
        assert choices[selected.index].name == max(shares, key=shares.__getitem__)
        (again,) = (await selector.aselect(choices, said)).selections
        assert again.index == selected.index
    unknown = replace(router.route(ASKED), tools={}, next_tools={})
    selector = module.RouterSelector(SimpleNamespace(route=lambda *_: unknown))
    with pytest.raises(ValueError, match="knows none of the choices"):
        selector.select(choices[:1], "hello")


def test_mcp(router: Router, tmp_path: Path) -> None:
    module = example("mcp_top_tools", "mcp")
    code = (ROOT / "tests" / "mcp_server.py").read_text(encoding="utf-8")
    place = tmp_path / "server.py"
    place.write_text(code.replace('"two"', '"find_customer"'), encoding="utf-8")
    tools = asyncio.run(module.tools_of([sys.executable, str(place)]))
    assert [tool.name for tool in tools] == ["one", "find_customer"]
    ranked = module.top_tools(router, ASKED, tools)
    assert [tool.name for tool in ranked] == ["find_customer", "one"]
    assert module.top_tools(router, ASKED, tools, 1) == ranked[:1]
    likely = SimpleNamespace(route=lambda *_: route_of(router))
    both = [module.Tool(name=name, input_schema={"type": "object"}) for name in router.tools]
    shares = route_of(router).tools
    expected = sorted(router.tools, key=lambda name: -shares[name])
    assert [tool.name for tool in module.top_tools(likely, ASKED, both)] == expected


def route_of(router: Router) -> Any:
    """A route that is surely a call now."""
    return replace(router.route(ASKED), decision="tool_call", probability=1.0)
