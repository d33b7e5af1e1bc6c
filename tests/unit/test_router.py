"""The router: what callers give, what they get, and what they are told if it cannot be read."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import torch

from tests.inspected import finished_run
from tests.support import TOOLS, dialogues, start_python
from trm_engine import Route, Router
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.data.samples import Conversation
from trm_engine.errors import CheckpointError, DataError
from trm_engine.inference.question import read_messages, read_question
from trm_engine.inference.route import Span

SAMPLE = dialogues(1)[2]
CALLED = {"phone": "0901234567"}
OPENAI: list[dict[str, Any]] = [
    {"role": "system", "content": "You work for a telecom company."},
    {"role": "user", "content": "Xin chào, case 0:\n  I need help\twith my plan"},
    {"role": "assistant", "content": "Your number?"},
    {"role": "user", "content": [{"type": "text", "text": SAMPLE["history"][3]["content"]}]},
    {
        "role": "assistant",
        "content": "One moment.",
        "tool_calls": [
            {
                "id": "call_1",
                "type": "function",
                "function": {"name": "find_customer", "arguments": json.dumps(CALLED)},
            }
        ],
    },
    {"role": "tool", "tool_call_id": "call_1", "content": '{"id": 0, "active": true}'},
    {"role": "user", "content": SAMPLE["history"][6]["content"]},
]
"""The history of SAMPLE, as OpenAI's clients write it."""
PLAN = [{"role": "user", "content": "the cheaper one for 3 months"}]


@pytest.fixture(scope="module")
def folder(dataset: TRMToolCallingDataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished_run(tmp_path_factory.mktemp("runs") / "run", dataset).path


@pytest.fixture(scope="module")
def router(folder: Path) -> Router:
    return Router.load(folder)


class Near(float):
    """A number that equals others as nearly as the sums of two batches do."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, float) and abs(self - other) < 2e-4


def plain(route: Route) -> dict[str, Any]:
    """A route with numbers as exact as the sum of a batch is."""
    return json.loads(json.dumps(route.to_dict()), parse_float=Near)


@pytest.mark.executed
def test_the_package_imports_torch_when_it_is_needed_and_its_compiler_never(folder: Path) -> None:
    code = (
        "import sys, trm_engine; dir(trm_engine); print('torch' in sys.modules);"
        "trm_engine.Router.load(sys.argv[1]).route('hi'); print('torch._dynamo' in sys.modules)"
    )
    with start_python(code, folder) as process:
        assert process.communicate()[0] == "False\nFalse\n"


def test_what_the_package_has_not_is_said() -> None:
    import trm_engine

    with pytest.raises(AttributeError, match="no attribute 'Rooter'"):
        _ = trm_engine.Rooter


def test_a_route_is_the_predictors_answer(router: Router) -> None:
    asked = {"history": SAMPLE["history"], "tools": SAMPLE["tools"]}
    answer = router.predictor.predict([Conversation.model_validate(asked)])[0]
    route = router.route(SAMPLE["history"], SAMPLE["tools"])
    assert (route.decision, route.q, route.steps_used) == (
        answer.decision,
        answer.q,
        answer.steps_used,
    )
    assert route.call_probability == pytest.approx(answer.decision_probability)
    assert (route.slots, route.missing) == (answer.slots, answer.missing)
    assert [call.name for call in route.calls] == ([answer.tool.name] if answer.tool else [])


def test_openai_messages_are_read_as_training_samples_are(router: Router) -> None:
    turns, numbers = read_messages(OPENAI)
    own, _ = read_messages(SAMPLE["history"])
    assert [turn.model_dump() for turn in turns] == [turn.model_dump() for turn in own]
    assert numbers == [0, 1, 2, 3, 4, 5, 6]
    assert router.route(OPENAI, TOOLS) == router.route(SAMPLE["history"], TOOLS)


def test_items_of_responses_are_read() -> None:
    items = [
        {"role": "user", "content": "12 12"},
        {"type": "function_call", "call_id": "1", "name": "a", "arguments": "{}"},
        {"type": "function_call", "call_id": "2", "name": "b", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "2", "output": "two"},
        {"type": "function_call_output", "call_id": "1", "output": "one"},
    ]
    turns, _ = read_messages(items)
    assert [turn.role for turn in turns] == ["user", *["tool_call"] * 2, *["tool_response"] * 2]
    assert [turn.content for turn in turns[3:]] == ["one", "two"]


def test_a_text_is_what_a_user_says(router: Router) -> None:
    said = PLAN[0]["content"]
    assert router.route(said) == router.route(PLAN)


def test_spans_are_characters_of_the_messages(router: Router) -> None:
    spans: list[Span] = []
    for choice in ("find_customer", "change_plan"):
        route = router.route(OPENAI, TOOLS, choice=choice)
        spans += [*route.slot_spans.values(), *(s for c in route.calls for s in c.spans.values())]
    assert spans
    for span in spans:
        content = OPENAI[span.message]["content"]
        if isinstance(content, list):
            content = content[0]["text"]
        if OPENAI[span.message]["role"] != "assistant":
            assert content[span.begin : span.end] == span.text


def test_only_tools_on_offer_are_called(router: Router) -> None:
    for tool in TOOLS:
        name = tool["function"]["name"]
        assert {call.name for call in router.route(PLAN, [tool], choice="required").calls} == {name}


def test_a_tool_that_training_never_saw_is_called_and_said_to_be_new(router: Router) -> None:
    strange = {"name": "other", "inputSchema": {"type": "object"}}
    route = router.route(PLAN, [strange], choice="required")
    assert [call.name for call in route.calls] == route.new_tools == ["other"]
    assert route.makes_calls
    assert route.tools == {"other": 1.0}
    beside = router.route(PLAN, [strange, *TOOLS])
    assert beside.new_tools == ["other"]
    assert set(beside.tools) == {"find_customer", "change_plan", "other"}
    assert sum(beside.tools.values()) == pytest.approx(1)


def test_known_tools_are_known_in_any_shape(router: Router) -> None:
    functions = [each["function"] for each in TOOLS]
    mcp = [
        {"name": f["name"], "description": f["description"], "inputSchema": f["parameters"]}
        for f in functions
    ]
    listed = json.loads(json.dumps(functions))
    for each in listed:
        each["parameters"] |= {"required": [], "$schema": "http://json-schema.org/draft-07/schema#"}
    plain_answer = plain(router.route(PLAN, TOOLS))
    for tools in (functions, mcp, listed):
        route = router.route(PLAN, tools)
        assert route.new_tools == []
        assert plain(route) == plain_answer


def test_a_known_tool_with_another_definition_is_told_apart(router: Router) -> None:
    other = {**TOOLS[0]["function"], "description": "Forget a customer"}
    for tools in ([other], [TOOLS[1], other]):
        route = router.route(PLAN, tools, choice="find_customer")
        assert [call.name for call in route.calls] == ["find_customer"]
        assert route.new_tools == ["find_customer"]
        assert route.tools["find_customer"] == pytest.approx(1)


def test_no_tools_no_call(router: Router) -> None:
    for route in (router.route(PLAN, []), router.route(PLAN, TOOLS, choice="none")):
        assert (route.decision, route.calls) == ("direct_answer", [])


def test_a_call_can_be_asked_for(router: Router) -> None:
    for choice in router.tools:
        for tools in (None, TOOLS):
            route = router.route(PLAN, tools, choice=choice)
            assert route.decision == "tool_call"
            assert [call.name for call in route.calls] == [choice]


def test_arguments_have_the_types_of_the_tools_on_offer(router: Router) -> None:
    """Whatever the model copies, a call fits the schema that the caller has, or is refused."""
    for kind in ("integer", "string", "array"):
        parameters = {"properties": {"months": {"type": kind, "items": {}}}, "required": ["months"]}
        tool = {"name": "change_plan", "description": "", "parameters": parameters}
        route = router.route(PLAN, [tool], choice="required")
        for call in route.calls if route.makes_calls else ():
            types = {"integer": int, "string": str, "array": list}
            assert isinstance(call.arguments["months"], types[kind])
        assert bool(route.abstains) == (not route.makes_calls)


def test_many_are_as_each_alone(router: Router) -> None:
    asked = [each["history"] for each in dialogues(12)]
    assert len(asked) > 32
    alone = [plain(router.route(each)) for each in asked]
    assert [plain(each) for each in router.route_many(asked)] == alone
    assert router.route_many([]) == []


def test_tools_of_different_conversations_are_not_mixed(router: Router) -> None:
    asked = [read_question("hello", tools) for tools in (TOOLS, TOOLS[:1], None, TOOLS[::-1])]
    alone = [router.answer([each])[0] for each in asked]
    with mock.patch.object(router.predictor, "read", wraps=router.predictor.read) as read:
        assert [plain(each) for each in router.answer(asked)] == [plain(each) for each in alone]
    computed = [[len(each.tools) for each in call.args[0]] for call in read.call_args_list]
    assert computed == [[2, 2], [1], [0]]


async def test_what_is_asked_together_is_answered_together(router: Router) -> None:
    asked = [each["history"] for each in dialogues(3)]
    found = await asyncio.gather(*map(router.aroute, asked))
    assert [plain(each) for each in found] == [plain(each) for each in router.route_many(asked)]
    with pytest.raises(DataError):
        await router.aroute([])


def test_halting_early_is_the_answer_of_that_step(folder: Path) -> None:
    asked = [each["history"] for each in dialogues(8)]
    found = Router.load(folder, halt_threshold=0.5).route_many(asked)
    used = {route.steps_used for route in found}
    assert len(used) > 1
    for steps in used:
        alone = Router.load(folder, steps=steps).route_many(asked)
        for early, full in zip(found, alone, strict=True):
            if early.steps_used == steps:
                assert plain(early) == plain(full)


def test_calls_that_are_made_together(folder: Path) -> None:
    """A model that has learnt them is asked again, until it answers or repeats itself."""
    router = Router.load(folder)
    router.predictor.labels = replace(router.predictor.labels, calls_together=True)
    with torch.no_grad():  # whatever is asked, it calls something
        router.predictor.model.heads.decision.register.bias += 100
    asked = [each["history"] for each in dialogues(8)]
    routes = router.route_many(asked, TOOLS)
    answers = router.predictor.predict(
        [Conversation.model_validate({"history": each, "tools": TOOLS}) for each in asked]
    )
    assert any(route.calls for route in routes)
    for route, answer, history in zip(routes, answers, asked, strict=True):
        made = [(call.name, call.arguments) for call in route.calls]
        if route.makes_calls:
            assert made == [(call.name, call.arguments) for call in answer.calls]
            assert route.confidence == pytest.approx(answer.confidence)
        assert all(span.message < len(history) for c in route.calls for span in c.spans.values())


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([], "messages: expected a list of at least one message"),
        (None, "messages: expected a list"),
        ([{"role": "usr", "content": "x"}], "messages, turn 1, field 'role': expected one of"),
        ([*PLAN, {"role": "user"}], "messages, turn 2, field 'content': expected text"),
        ([*PLAN, {"role": "tool", "content": "x"}], "messages, turn 2: expected a tool message"),
        ([{"role": "tool_call", "content": "x"}], "messages, turn 1: content of a tool_call"),
        ([*PLAN, {"role": "tool_cal"}, {"role": "tool_call"}], "messages, turn 2"),
    ],
)
def test_messages_that_cannot_be_read(messages: Any, said: str) -> None:
    with pytest.raises(DataError) as raised:
        read_question(messages)
    assert str(raised.value).startswith(said)


@pytest.mark.parametrize("tools", [3, "x", [3], [{"type": "function"}], [{"name": ""}]])
def test_tools_that_cannot_be_read(tools: Any) -> None:
    with pytest.raises(DataError, match="tools"):
        read_question(PLAN, tools)


def test_a_checkpoint_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="contains neither best"):
        Router.load(tmp_path)
