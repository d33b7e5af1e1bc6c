"""Calls that models write as text are found where the structure is certain, and only there."""

from dataclasses import replace
from typing import Any

import pytest

from trm_engine.data.fields import ConvertError
from trm_engine.data.formats.conversation import Call, Conversation, Message
from trm_engine.data.formats.json_texts import tools_in
from trm_engine.data.formats.python_calls import python_calls
from trm_engine.data.formats.text_calls import calls_in, with_text_calls

LIMA = Call("weather", {"city": "Lima"})
QUITO = Call("weather", {"city": "Quito"})
PARAMETERS = {"weather": ["city", "unit"], "Get Tide Data": ["port"], "now": []}
TOOLS = [{"name": "weather", "parameters": {"type": "object", "properties": {"city": {}}}}]


def calls(text: str, parameters: dict[str, list[str]] = PARAMETERS) -> list[Call]:
    return calls_in(text, parameters, "line 1")[1]


class TestCalls:
    @pytest.mark.parametrize(
        "text",
        [
            '<tool_call>{"name": "weather", "arguments": {"city": "Lima"}}</tool_call>',
            '<tool_call>\n{"arguments": {"city": "Lima"}, "name": "weather"}\n</tool_call>'
            "<|im_end|>",
            "<tool_call>{'name': 'weather', 'arguments': {'city': 'Lima'}}</tool_call>",
            '<tool_call>{"name": "weather", "arguments": "{\\"city\\": \\"Lima\\"}"}</tool_call>',
            '<tool_call>[{"name": "weather", "parameters": {"city": "Lima"}}]</tool_call>',
            '<tool_call>{"name": "weather", "arguments": {"city": "Lima"}}',
            '<tool_call>weather(city="Lima")</tool_call>',
            '<think>A <tool_call>?</think>\n<tool_call>weather {"city": "Lima"}</tool_call>',
            "<tool_call>\n<function=weather>\n<parameter=city>\nLima\n</parameter>\n</function>\n"
            "</tool_call>",
            '<function=weather>{"city": "Lima"}</function>',
            '<functioncall> {"name": "weather", "arguments": \'{"city": "Lima"}\'} <|endoftext|>',
            '<functioncall> {"name": "weather", "arguments": {"city": "Lima"}}',
            '<|python_tag|>{"name": "weather", "parameters": {"city": "Lima"}}<|eom_id|>',
            '<|python_tag|>{"type": "function", "name": "weather", "parameters": {"city": "Lima"}}',
            '[TOOL_CALLS] [{"name": "weather", "arguments": {"city": "Lima"}, "id": null}]</s>',
            '[TOOL_CALLS]weather[ARGS]{"city": "Lima"}</s>',
            '[weather(city="Lima")]',
            "[weather('Lima')]",
            '{"name": "weather", "parameters": {"city": "Lima"}}',
            '[{"function": {"name": "weather", "arguments": {"city": "Lima"}}}]<|eot_id|>',
        ],
    )  # fmt: skip
    def test_each_markup(self, text: str) -> None:
        assert calls(text) == [LIMA]

    @pytest.mark.parametrize(
        "text",
        [
            '<tool_call>{"name": "weather", "arguments": {"city": "Lima"}}</tool_call>\n'
            '<tool_call>{"name": "weather", "arguments": {"city": "Quito"}}</tool_call>',
            '<tool_call>{"name": "weather", "arguments": {"city": "Lima"}}\n'
            '{"name": "weather", "arguments": {"city": "Quito"}}</tool_call>',
            '<|python_tag|>{"name": "weather", "parameters": {"city": "Lima"}}; '
            '{"name": "weather", "parameters": {"city": "Quito"}}',
            '[weather(city="Lima"), weather(city="Quito")]',
        ],
    )
    def test_calls_made_together(self, text: str) -> None:
        assert calls(text) == [LIMA, QUITO]

    @pytest.mark.parametrize(
        "text",
        [
            "Use <tool_call> tags to call a tool.",
            "[see above]",
            "[now]",
            "[Note (1)]",
            "[]",
            "{}",
            '{"name": "Lima", "parameters": {"population": 10}}',
            '{"name": "weather", "arguments": {}, "note": "as an example"}',
            '[other(city="Lima")]',
            '[weather(city="Lima"), other(city="Lima")]',
            "[weather(city=today())]",
            "I call [weather(city='Lima')] now.",
            "[weather(1, 2, 3)]",
        ],
    )
    def test_what_is_no_call_stays_text(self, text: str) -> None:
        assert calls_in(text, PARAMETERS, "line 1") == (text, [])

    def test_without_tags_only_listed_tools_are_called(self) -> None:
        assert calls('[weather(city="Lima")]', {}) == []
        assert calls('{"name": "weather", "parameters": {}}', {}) == []

    def test_text_around_a_call_stays(self) -> None:
        text = 'Let me look.\n<tool_call>{"name": "now"}</tool_call>\nA moment.<|im_end|>'

        said, found = calls_in(text, {}, "line 1")

        assert said == "Let me look.\n\nA moment."
        assert found == [Call("now")]

    def test_a_quoted_argument_may_hold_quotes(self) -> None:
        text = """<functioncall> {"name": "say", "arguments": '{"text": "It's late"}'}"""

        assert calls(text) == [Call("say", {"text": "It's late"})]

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ('<tool_call>{"name": "weather", "arguments": {</tool_call>', "expected a call"),
            ("<tool_call>[weather(</tool_call>", "expected calls between tags"),
            ('<tool_call>{"name": "", "arguments": {}}</tool_call>', "field 'name'"),
            ('<tool_call>{"arguments": {}}</tool_call>', "field 'name'"),
            ('<tool_call>{"name": "f", "arguments": [1]}</tool_call>', "field 'arguments'"),
        ],
    )
    def test_a_broken_call_is_refused(self, text: str, expected: str) -> None:
        with pytest.raises(ConvertError, match="line 1") as caught:
            calls(text)
        assert expected in str(caught.value)


class TestConversations:
    def read(self, *messages: Message, tools: Any = None, listed: Any = None) -> Conversation:
        return with_text_calls(Conversation("line 1", messages, tools), listed)

    def test_responses_in_a_users_message(self) -> None:
        text = '<tool_response>{"t": 12}</tool_response><tool_response>wet</tool_response> And now?'

        *responses, user = self.read(Message("line 1", "user", text)).messages

        assert [each.role for each in responses] == ["tool", "tool"]
        assert [each.response for each in responses] == [{"t": 12}, "wet"]
        assert (user.role, user.text) == ("user", "And now?")

    def test_a_response_names_its_tool_or_call(self) -> None:
        named = '<tool_response>{"name": "weather", "content": {"t": 12}}</tool_response>'
        numbered = '[TOOL_RESULTS] {"content": "12", "call_id": "c1"}[/TOOL_RESULTS]'

        first, second = self.read(
            Message("line 1", "tool", response=named), Message("line 1", "tool", response=numbered)
        ).messages

        assert (first.tool_name, first.response) == ("weather", {"t": 12})
        assert (second.call_id, second.response) == ("c1", "12")

    def test_responses_to_several_calls_in_one_message(self) -> None:
        joined = [{"name": "weather", "content": "12"}, {"name": "now", "results": {"h": 8}}]
        called = Message("line 1", "assistant", calls=(LIMA, Call("now")))
        response = Message("line 1", "tool", response=joined)

        *_, first, second = self.read(called, response).messages
        (other,) = self.read(response).messages  # no such tools were called: files, perhaps

        assert (first.tool_name, first.response) == ("weather", "12")
        assert (second.tool_name, second.response) == ("now", {"h": 8})
        assert other.response == joined

    @pytest.mark.parametrize("blank", [None, "", " ", "null", "[]", []])
    def test_tools_of_the_system_text(self, blank: Any) -> None:
        text = f"Call <tools></tools>!\n<tools>\n{TOOLS[0]}\n</tools>".replace("'", '"')

        read = self.read(Message("line 1", "system", text), tools=blank)

        assert read.tools == TOOLS
        assert [each.text for each in read.messages] == ["Call <tools></tools>!"]

    def test_a_system_text_of_tools_alone_is_dropped(self) -> None:
        text = f"<tools>{TOOLS}</tools>".replace("'", '"')

        assert self.read(Message("line 1", "system", text)).messages == ()

    def test_schemas_in_the_system_text(self) -> None:
        system = Message("line 1", "system", f"Use {TOOLS}.".replace("'", '"'))
        called = Message("line 1", "assistant", calls=(LIMA,))
        other = Message("line 1", "assistant", calls=(Call("other"),))

        read = self.read(system, called)

        assert (read.tools, read.messages[0].text) == (TOOLS, "Use .")
        assert self.read(system, other).tools is None  # the text has not all of them
        assert self.read(system, tools=[{"name": "now"}]).messages == (system,)
        goods = replace(system, text='[{"name": "Lamp", "description": "It shines."}]')
        assert self.read(goods).messages == (goods,)

    def test_listed_tools_come_before_those_of_the_text(self) -> None:
        text = '<tools>[{"name": "now", "description": "time"}]</tools>'

        assert self.read(Message("line 1", "system", text), tools=TOOLS).tools == TOOLS

    def test_tools_of_a_file_make_calls_certain(self) -> None:
        said = Message("line 1", "assistant", '[weather(city="Lima")]')

        assert self.read(said, listed=TOOLS).messages[0].calls == (LIMA,)
        assert self.read(said).messages == (said,)


class TestPythonCalls:
    @pytest.mark.parametrize(
        ("text", "arguments"),
        [
            ("f()", {}),
            ("f(a=1, b=-2.5)", {"a": 1, "b": -2.5}),
            ("f(a='x, (y', b=\"it's\")", {"a": "x, (y", "b": "it's"}),
            ("f(a=[1, (2, 3)], b={'c': [None]})", {"a": [1, [2, 3]], "b": {"c": [None]}}),
            ("f(a=true, b=null, c=[false])", {"a": True, "b": None, "c": [False]}),
            ("f(from='Lima', class=1)", {"from": "Lima", "class": 1}),
            ("f(a='''x, 'y' ''')", {"a": "x, 'y' "}),
            ("f(a='x\\'y', b='=')", {"a": "x'y", "b": "="}),
            ("f(1, b=2)", {"a": 1, "b": 2}),
            ("f(a=1,)", {"a": 1}),
        ],
    )
    def test_arguments(self, text: str, arguments: dict[str, Any]) -> None:
        assert python_calls(f"[{text}]", {"f": ["a"]}) == [Call("f", arguments)]
        assert python_calls(text, {"f": ["a"]}) == [Call("f", arguments)]

    def test_names_of_listed_tools_have_any_characters(self) -> None:
        text = '[Get Tide Data(port="Lima"), api/v1/now()]'

        found = python_calls(text, PARAMETERS | {"api/v1/now": []})

        assert found == [Call("Get Tide Data", {"port": "Lima"}), Call("api/v1/now")]

    @pytest.mark.parametrize(
        "text",
        [
            "f(a=b)", "f(a=g())", "f(a=1/2)", "f(a=1", "f(a='x)", "f(a=1))", "f(a=1, a=2)",
            "f g(a=1)", "f(1)", "f", "f(a=1e999)", "f(a=...)", "f(a=1j)", "f(a=b'x')",
            "f(" + "[" * 3000 + "]" * 3000 + ")", "f(a='\0)",
        ],
    )  # fmt: skip
    def test_what_is_no_literal_call(self, text: str) -> None:
        with pytest.raises(ValueError):
            python_calls(text, {})


class TestToolsInTexts:
    def test_lists_and_single_definitions(self) -> None:
        text = (
            'Use these:\n[{"name": "f", "parameters": {}}]\n\n{"name": "g", "description": "x"} ok'
        )

        rest, tools = tools_in(text, ("parameters", "description"))

        assert [tool["name"] for tool in tools] == ["f", "g"]
        assert rest == "Use these:\n\n\n ok"

    @pytest.mark.parametrize("text", ['{"name": "x"}', "[1, 2]", "[]", "{a", "[" * 5000, ""])
    def test_other_json_stays(self, text: str) -> None:
        assert tools_in(text) == (text, [])
