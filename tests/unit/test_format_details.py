"""What each format has of its own: shapes of the same thing, and what is odd in real files."""

import json
from typing import Any

import pytest

from tests.format_samples import (
    ASSISTANT,
    CALL,
    FULL,
    OPENAI_CALL,
    OPENAI_MESSAGES,
    OPENAI_RESULT,
    RESULT_TEXT,
    TOOL,
    USER,
)
from trm_engine.data.fields import ConvertError
from trm_engine.data.formats.bfcl import with_answers
from trm_engine.data.formats.conversation import Call, Conversation, Message
from trm_engine.data.formats.detection import Match, detect, format_named
from trm_engine.data.formats.text_calls import with_text_calls
from trm_engine.data.sources.record import Record

LIMA = Call("weather", {"city": "Lima"})
QUITO = Call("weather", {"city": "Quito"})


def read_all(name: str, record: Any) -> list[Conversation]:
    return list(format_named(name).read(record, "line 1"))


def read(name: str, record: Any) -> tuple[Message, ...]:
    (conversation,) = read_all(name, record)
    return conversation.messages


def said(messages: tuple[Message, ...]) -> list[tuple[str, Any]]:
    """Who speaks, and what: calls without their ids, responses or text."""
    return [
        (
            each.role,
            [Call(call.name, call.arguments) for call in each.calls]
            or (each.response if each.role == "tool" else each.text),
        )
        for each in messages
    ]


def problem(name: str, record: Any) -> str:
    with pytest.raises(ConvertError) as caught:
        read_all(name, record)
    return str(caught.value)


class TestAnthropic:
    def blocks(self, *contents: Any, **fields: Any) -> dict[str, Any]:
        roles = ("user", "assistant")
        turns = [
            {"role": roles[place % 2], "content": content} for place, content in enumerate(contents)
        ]
        return {"messages": turns, **fields}

    def test_several_responses_and_a_text_in_one_message(self) -> None:
        record = self.blocks(
            "Lima and Quito?",
            [
                {"type": "thinking", "thinking": "two calls", "signature": "x"},
                {"type": "tool_use", "id": "a", "name": "weather", "input": {"city": "Lima"}},
                {"type": "tool_use", "id": "b", "name": "weather", "input": {"city": "Quito"}},
            ],
            [
                {"type": "tool_result", "tool_use_id": "b", "content": "no such city",
                 "is_error": True},
                {"type": "tool_result", "tool_use_id": "a"},
                {"type": "text", "text": "And?"},
                {"type": "image", "source": {}},
            ],
        )  # fmt: skip

        messages = read("anthropic", record)

        assert said(messages) == [
            ("user", "Lima and Quito?"),
            ("assistant", [LIMA, QUITO]),
            ("tool", {"error": "no such city"}),
            ("tool", ""),
            ("user", "And?"),
        ]
        assert [call.id for call in messages[1].calls] == ["a", "b"]
        assert [each.call_id for each in messages[2:4]] == ["b", "a"]

    @pytest.mark.parametrize(
        "system", ["Be kind.", [{"type": "text", "text": "Be kind."}], [{"text": "Be kind."}]]
    )
    def test_the_system_text_is_text_or_blocks(self, system: Any) -> None:
        assert said(read("anthropic", self.blocks("Hi", system=system))) == [
            ("system", "Be kind."),
            ("user", "Hi"),
        ]

    def test_blocks_of_bedrock(self) -> None:
        record = self.blocks(
            [{"text": "Lima?"}],
            [{"toolUse": {"toolUseId": "a", "name": "weather", "input": {"city": "Lima"}}}],
            [{"toolResult": {"toolUseId": "a", "content": [{"json": {"t": 12}}]}}],
        )

        assert detect([("line 1", record)]).name == "anthropic"
        assert said(read("anthropic", record)) == [
            ("user", "Lima?"),
            ("assistant", [LIMA]),
            ("tool", {"t": 12}),
        ]

    def test_a_log_of_request_and_response(self) -> None:
        call = {"type": "tool_use", "id": "a", "name": "weather", "input": {"city": "Lima"}}
        message = {"type": "message", "role": "assistant", "content": [call]}
        request = {"messages": [USER], "tools": [{"name": "weather", "input_schema": {}}]}
        for record in (
            {"request": request, "response": message},
            {"custom_id": "1", "params": request, "result": {"message": message}},
        ):
            (conversation,) = read_all("anthropic", record)

            assert detect([("line 1", record)]).name == "anthropic"
            assert said(conversation.messages)[1] == ("assistant", [LIMA])
            assert conversation.tools == request["tools"]

    def test_a_plain_chat_is_one_of_openai(self) -> None:
        assert detect([("line 1", self.blocks("Hi", "Hello", system="Be kind."))]).name == "openai"


class TestGemini:
    def test_snake_case_and_thoughts(self) -> None:
        record = {
            "system_instruction": {"parts": [{"text": "Be kind."}]},
            "contents": [
                {"parts": [{"text": "Lima?"}]},
                {"role": "model", "parts": [
                    {"text": "hm", "thought": True}, {"text": "I look."},
                    {"function_call": {"name": "weather", "args": {"city": "Lima"}}}]},
                {"role": "user", "parts": [
                    {"function_response": {"name": "weather", "response": {"t": 12}}}]},
            ],
            "tools": [{"google_search": {}}, {"function_declarations": [TOOL]}],
        }  # fmt: skip

        (conversation,) = read_all("gemini", record)

        assert said(conversation.messages) == [
            ("system", "Be kind."),
            ("user", "Lima?"),
            ("assistant", [LIMA]),
            ("tool", {"t": 12}),
        ]
        assert conversation.messages[2].text == "I look."
        assert conversation.messages[3].tool_name == "weather"
        assert conversation.tools == [TOOL]

    def test_a_request_and_its_response(self) -> None:
        record = {
            "request": {"contents": [{"role": "user", "parts": [{"text": "Lima?"}]}]},
            "response": {"candidates": [
                {"content": {"role": "model", "parts": [
                    {"functionCall": {"name": "weather", "args": {"city": "Lima"}}}]}}]},
        }  # fmt: skip

        assert detect([("line 1", record)]).name == "gemini"
        assert said(read("gemini", record)) == [("user", "Lima?"), ("assistant", [LIMA])]


class TestResponses:
    def call(self, city: str) -> dict[str, Any]:
        arguments = json.dumps({"city": city})
        return {"type": "function_call", "call_id": city, "name": "weather", "arguments": arguments}

    def test_calls_that_follow_each_other_are_made_together(self) -> None:
        items = [
            USER,
            self.call("Lima"),
            {"type": "reasoning", "summary": []},
            self.call("Quito"),
            {"type": "function_call_output", "call_id": "Lima",
             "output": [{"type": "output_text", "text": "12"}]},
            {"type": "web_search_call", "id": "w", "status": "completed"},
        ]  # fmt: skip

        assert said(read("responses", items)) == [
            ("user", USER["content"]),
            ("assistant", [LIMA, QUITO]),
            ("tool", "12"),
        ]

    def test_a_stored_response_with_its_instructions(self) -> None:
        record = {
            "object": "response",
            "input": "Lima?",
            "instructions": "Be kind.",
            "tools": [{"type": "function", **TOOL}],
            "output": [self.call("Lima")],
        }

        (conversation,) = read_all("responses", record)

        assert detect([("line 1", record)]).name == "responses"
        assert said(conversation.messages) == [
            ("system", "Be kind."),
            ("user", "Lima?"),
            ("assistant", [LIMA]),
        ]
        assert conversation.tools == [{"type": "function", **TOOL}]

    def test_request_and_response_apart(self) -> None:
        record = {
            "request": {"body": {"input": [USER], "instructions": "Be kind."}},
            "response": {"body": {"output": [self.call("Lima")]}},
        }

        assert said(read("responses", record))[1:] == [
            ("user", USER["content"]),
            ("assistant", [LIMA]),
        ]

    def test_tools_of_mcp_and_custom_tools(self) -> None:
        items = [
            {
                "type": "mcp_call",
                "name": "weather",
                "arguments": '{"city": "Lima"}',
                "output": "12",
            },
            {"type": "custom_tool_call", "call_id": "c", "name": "run", "input": "ls"},
            {"type": "custom_tool_call_output", "call_id": "c", "output": "a.txt"},
        ]

        assert said(read("responses", items)) == [
            ("assistant", [LIMA]),
            ("tool", "12"),
            ("assistant", [Call("run", {"input": "ls"})]),
            ("tool", "a.txt"),
        ]

    def test_a_pair_of_texts_is_no_list_of_items(self) -> None:
        assert format_named("responses").matches({"input": "Hi", "output": "Hello"}) == Match.NO

    def test_an_unknown_item_is_refused(self) -> None:
        message = problem("responses", {"input": [USER, {"type": "function_cal"}]})

        assert "line 1, item 2, field 'type'" in message
        assert "did you mean 'function_call'?" in message


class TestChatLogs:
    def test_a_response_beside_its_request(self) -> None:
        record = {"messages": [USER], "choices": [{"message": OPENAI_CALL}]}

        assert detect([("line 1", record)]).name == "chat-logs"
        assert said(read("chat-logs", record))[1] == ("assistant", [LIMA])

    def test_bodies_of_a_batch(self) -> None:
        record = {
            "custom_id": "1",
            "body": {"messages": [USER], "tools": [TOOL]},
            "response": {"status_code": 200, "body": {"choices": [{"message": ASSISTANT}]}},
        }

        (conversation,) = read_all("chat-logs", record)

        assert said(conversation.messages)[1] == ("assistant", ASSISTANT["content"])
        assert conversation.tools == [TOOL]


class TestPreferences:
    WORSE = {"role": "assistant", "content": "No idea."}

    @pytest.mark.parametrize(
        "record",
        [
            {"prompt": USER["content"], "chosen": ASSISTANT["content"], "rejected": "No."},
            {"prompt": [USER], "chosen": [ASSISTANT], "rejected": [WORSE]},
            {"chosen": [USER, ASSISTANT], "rejected": [USER, WORSE]},
            {"prompt": USER["content"], "chosen": [USER, ASSISTANT], "rejected": [USER, WORSE]},
            {"messages": [USER], "chosen": ASSISTANT, "rejected": WORSE},
            {"input": {"messages": [USER]}, "preferred_output": [ASSISTANT],
             "non_preferred_output": [WORSE]},
            {"conversations": [{"from": "human", "value": USER["content"]}],
             "chosen": {"from": "gpt", "value": ASSISTANT["content"]},
             "rejected": {"from": "gpt", "value": "No."}},
            {"instruction": USER["content"], "input": "", "chosen": ASSISTANT["content"],
             "rejected": ""},
            {"chosen": f"\n\nHuman: {USER['content']}\n\nAssistant: {ASSISTANT['content']}",
             "rejected": "\n\nHuman: x\n\nAssistant: y"},
            {"chosen_messages": [USER, ASSISTANT], "rejected_messages": [USER, WORSE]},
        ],
    )  # fmt: skip
    def test_the_preferred_side_is_read(self, record: Any) -> None:
        assert detect([("line 1", record)]).name == "preference"
        assert said(read("preference", record)) == [
            ("user", USER["content"]),
            ("assistant", ASSISTANT["content"]),
        ]

    def test_a_call_may_be_preferred(self) -> None:
        record = {
            "input": {"messages": [USER], "tools": [TOOL]},
            "preferred_output": [OPENAI_CALL],
            "non_preferred_output": [ASSISTANT],
        }

        (conversation,) = read_all("preference", record)

        assert said(conversation.messages)[1] == ("assistant", [LIMA])
        assert conversation.tools == [TOOL]

    @pytest.mark.parametrize("key", ["label", "kto_tag"])
    @pytest.mark.parametrize(
        "record",
        [
            {"messages": [USER, ASSISTANT]},
            {"prompt": USER["content"], "completion": ASSISTANT["content"]},
            {"conversations": [{"from": "human", "value": USER["content"]},
                               {"from": "gpt", "value": ASSISTANT["content"]}]},
        ],
    )  # fmt: skip
    def test_a_conversation_judged_bad_is_not_learnt(self, record: Any, key: str) -> None:
        good, bad = ({**record, key: verdict} for verdict in (True, False))

        assert detect([("line 1", bad)]).name == "kto"
        assert [each.is_trained for each in read("kto", good)] == [True, True]
        assert [each.is_trained for each in read("kto", bad)] == [False, False]


class TestGaps:
    """A record that lacks what makes its format does not turn the whole file into another one."""

    @pytest.mark.parametrize(
        ("name", "key", "expected"),
        [
            ("kto", "label", "expected a conversation and a verdict"),
            ("preference", "chosen", "field 'chosen': expected the preferred output"),
            ("chat-logs", "choices", "expected messages of a request, and choices"),
        ],
    )
    def test_it_is_refused(self, name: str, key: str, expected: str) -> None:
        records = {
            "kto": {"messages": [USER, ASSISTANT], "label": True},
            "preference": {"messages": [USER], "chosen": ASSISTANT, "rejected": ASSISTANT},
            "chat-logs": {"messages": [USER], "choices": [{"message": ASSISTANT}]},
        }
        whole, gap = records[name], {**records[name], key: None}

        assert detect([("line 1", whole), ("line 2", gap)]).name == name
        assert expected in problem(name, gap)

    def test_a_pair_without_its_worse_side_is_read(self) -> None:
        record = {"messages": [USER], "chosen": ASSISTANT, "rejected": None}

        assert said(read("preference", record))[1] == ("assistant", ASSISTANT["content"])


class TestShareGpt:
    def turns(self, *turns: tuple[str, Any]) -> dict[str, Any]:
        return {"conversations": [{"from": who, "value": what} for who, what in turns]}

    def test_names_of_the_speakers(self) -> None:
        names = ("System", "human", "GPT", "user", "assistant", "Human", "chatgpt", "tool")

        roles = [each.role for each in read("sharegpt", self.turns(*((n, "x") for n in names)))]

        assert roles == [
            "system", "user", "assistant", "user", "assistant", "user", "assistant", "tool",
        ]  # fmt: skip

    @pytest.mark.parametrize(
        "value",
        [
            json.dumps(CALL),
            json.dumps([CALL]),
            json.dumps(json.dumps(CALL)),
            CALL,
            f"<think>hm</think>\n{json.dumps(CALL)}",
            f"<tool_call>{json.dumps(CALL)}</tool_call>",
            json.dumps({"name": "weather", "arguments": json.dumps({"city": "Lima"})}),
        ],
    )
    def test_a_turn_of_calls(self, value: Any) -> None:
        messages = read("sharegpt", self.turns(("human", "Lima?"), ("function_call", value)))

        assert said(messages)[1] == ("assistant", [LIMA])

    def test_roles_with_names_like_those(self) -> None:
        turns = [{"role": "human", "content": "Hi"}, {"role": "bot", "content": "Hello"}]

        assert detect([("line 1", {"messages": turns})]).name == "sharegpt"
        assert said(read("sharegpt", {"messages": turns})) == [
            ("user", "Hi"),
            ("assistant", "Hello"),
        ]

    def test_faults_have_their_place(self) -> None:
        record = self.turns(("human", "Lima?"), ("function_call", "weather"), ("robot", "12"))

        first, second = problem("sharegpt", record).split("\n")

        assert first.startswith("line 1, turn 2, field 'value': expected a call")
        assert second.startswith("line 1, turn 3, field 'from': expected one of")

    def test_turns_that_are_not_to_be_learnt(self) -> None:
        record = self.turns(("human", "x"), ("gpt", "y"), ("gpt", "z"))
        for turn, flag in zip(record["conversations"], ("weight", "train", "other"), strict=True):
            turn[flag] = 0

        assert [each.is_trained for each in read("sharegpt", record)] == [False, False, True]


class TestLlamaFactory:
    def test_calls_made_together_and_loss_weights(self) -> None:
        parts = [{"type": "tool_call", "value": json.dumps(call)} for call in (CALL, CALL)]
        turn = {"role": "assistant", "content": parts, "loss_weight": 0.0}

        (message,) = read("llama-factory", {"messages": [turn]})

        assert message.calls == (LIMA, LIMA)
        assert not message.is_trained


class TestAlpaca:
    def test_input_history_and_system(self) -> None:
        record = {
            "instruction": "Translate", "input": "Hallo", "output": "Hello",
            "system": "Be kind.", "history": [["Hi", "Hello"]],
        }  # fmt: skip

        assert said(read("alpaca", record)) == [
            ("system", "Be kind."), ("user", "Hi"), ("assistant", "Hello"),
            ("user", "Translate\nHallo"), ("assistant", "Hello"),
        ]  # fmt: skip

    def test_a_history_without_pairs_is_refused(self) -> None:
        record = {"instruction": "x", "output": "y", "history": [["Hi"]]}

        assert "field 'history[0]': expected a pair" in problem("alpaca", record)


class TestGlaive:
    def test_several_tools_and_no_calls(self) -> None:
        record = {
            "system": f"SYSTEM: Use these -\n{json.dumps(TOOL)}\n\n{json.dumps(TOOL)}\n",
            "chat": "USER: Hi\n\n\nASSISTANT: USER: is no turn here. <|endoftext|>\n\n\n",
        }

        (conversation,) = read_all("glaive", record)

        assert conversation.tools == [TOOL, TOOL]
        assert said(conversation.messages) == [
            ("system", "Use these -"), ("user", "Hi"), ("assistant", "USER: is no turn here."),
        ]  # fmt: skip

    def test_version_1_has_one_column(self) -> None:
        record = {"sample": f"SYSTEM: Use -\n{json.dumps(TOOL)}\nUSER: Hi\nASSISTANT: Hello"}

        (conversation,) = read_all("glaive", record)

        assert detect([("line 1", record)]).name == "glaive"
        assert conversation.tools == [TOOL]
        assert said(conversation.messages) == [
            ("system", "Use -"), ("user", "Hi"), ("assistant", "Hello"),
        ]  # fmt: skip

    def test_a_chat_that_begins_with_no_speaker_is_refused(self) -> None:
        assert "field 'chat'" in problem("glaive", {"chat": "Hi\nUSER: Hi"})
        assert format_named("glaive").matches({"chat": "Hi"}) == Match.NO


class TestXlam:
    def test_no_tool_fits(self) -> None:
        record = {"query": "Hi", "answers": "[]", "tools": json.dumps([TOOL])}

        assert said(read("xlam", record)) == [("user", "Hi"), ("assistant", "")]

    def test_lists_need_not_be_text(self) -> None:
        record = {"query": "Lima?", "answers": [CALL, CALL], "tools": [TOOL]}

        assert detect([("line 1", record)]).name == "xlam"
        assert said(read("xlam", record))[1] == ("assistant", [LIMA, LIMA])


class TestToolAce:
    def test_the_system_text_keeps_its_words(self) -> None:
        record = dict(FULL["toolace"], system=f"Use these:\n{json.dumps([TOOL])}. Call them.")

        conversation = with_text_calls(*read_all("toolace", record))

        assert conversation.messages[0].text == "Use these:\n. Call them."
        assert conversation.tools == [TOOL]

    def test_roles_and_contents_will_do(self) -> None:
        system = {"role": "system", "content": f"Use {json.dumps([TOOL])}"}
        record = {"messages": [system, USER, ASSISTANT]}

        assert detect([("line 1", record)]).name == "toolace"
        assert with_text_calls(*read_all("toolace", record)).tools == [TOOL]

    def test_a_system_turn_will_do(self) -> None:
        system = {"from": "system", "value": json.dumps([TOOL])}
        record = {"conversations": [system, *FULL["toolace"]["conversations"]]}

        assert detect([("line 1", record)]).name == "toolace"
        assert with_text_calls(*read_all("toolace", record)).tools == [TOOL]


class TestTauBench:
    def test_names_have_the_trial(self) -> None:
        assert read_all("tau-bench", FULL["tau-bench"])[0].name == "0-1"

    def test_simulations_without_the_users_own_tools(self) -> None:
        flat = {"id": "a", "name": "weather", "arguments": {"city": "Lima"}}
        own = {"id": "b", "name": "restart", "arguments": {}, "requestor": "user"}
        messages = [
            USER,
            {"role": "assistant", "content": None, "tool_calls": [flat]},
            {"role": "tool", "id": "a", "content": "12", "requestor": "assistant"},
            {"role": "user", "content": None, "tool_calls": [own]},
            {"role": "tool", "id": "b", "content": "ok", "requestor": "user"},
            ASSISTANT,
        ]
        simulation = {"task_id": "7", "reward_info": {}, "messages": messages}
        record = {"info": {}, "tasks": [], "simulations": [simulation, simulation]}

        first, second = read_all("tau-bench", record)

        assert detect([("line 1", record)]).name == "tau-bench"
        assert [role for role, _ in said(first.messages)] == [
            "user", "assistant", "tool", "assistant",
        ]  # fmt: skip
        assert said(first.messages)[1] == ("assistant", [LIMA])
        assert second.where == "line 1, simulation 2"


class TestBfcl:
    QUESTION = {"id": "multiple_0", "question": [[USER]], "function": [TOOL]}

    def records(self, *values: Any) -> list[Record]:
        return [Record(f"file, line {n}", str(n), value) for n, value in enumerate(values, 1)]

    def calls(self, truth: Any, **fields: Any) -> list[Call]:
        record = {**self.QUESTION, "ground_truth": truth, **fields}
        return [call for message in read("bfcl", record) for call in message.calls]

    def test_the_first_allowed_value_is_taken(self) -> None:
        allowed = {
            "city": ["Lima", "lima"], "unit": ["", "c"], "days": [[1, 2], [1]],
            "at": [{"hour": [8, 9], "zone": [""]}], "stops": [[{"x": [1]}, {"x": [2, 3]}]],
            "tags": [[]], "none": [],
        }  # fmt: skip

        assert self.calls([{"weather": allowed}]) == [
            Call("weather", {"city": "Lima", "days": [1, 2], "at": {"hour": 8},
                             "stops": [{"x": 1}, {"x": 2}], "tags": []}),
        ]  # fmt: skip

    def test_calls_as_python_a_turn_each(self) -> None:
        turns = [[USER], [USER], []]
        truth = [["weather(city='Lima')", "weather('Quito')"], [], ["weather()"]]

        messages = read("bfcl", {**self.QUESTION, "question": turns, "ground_truth": truth})

        assert said(messages) == [
            ("user", USER["content"]),
            ("assistant", [LIMA, QUITO]),
            ("user", USER["content"]),
            ("assistant", [Call("weather")]),
        ]

    def test_an_argument_without_a_name_needs_the_functions(self) -> None:
        record = {**self.QUESTION, "function": [], "ground_truth": ["weather('Lima')"]}

        assert "argument 1 of weather has no name" in problem("bfcl", record)

    @pytest.mark.parametrize("truth", [None, ["Lima"], "{}", [], '{"Zone": [1]}'])
    def test_answers_that_are_no_calls(self, truth: Any) -> None:
        assert self.calls(truth) == []

    def test_irrelevant_questions_are_answered(self) -> None:
        record = {**self.QUESTION, "id": "live_irrelevance_0-0-0"}

        assert said(read("bfcl", record))[-1] == ("assistant", "")

    def test_answers_of_another_file(self) -> None:
        questions = self.records({"id": "a", "question": "Lima?"}, {"id": "b"})
        answers = self.records({"id": "a", "ground_truth": ["weather('Lima')"]})

        joined = list(with_answers(questions, answers, [TOOL]))

        assert [each.where for each in joined] == ["file, line 1", "file, line 2"]
        assert said(read("bfcl", joined[0].value))[1] == ("assistant", [LIMA])

    def test_answers_to_other_questions_are_refused(self) -> None:
        questions = self.records({"id": "a", "question": "Lima?"})
        with pytest.raises(ConvertError, match="no answer has the id of a question"):
            list(with_answers(questions, self.records({"id": "b", "ground_truth": []})))
        with pytest.raises(ConvertError, match="file, line 1: expected an answer"):
            list(with_answers(questions, self.records({"id": "a"})))


class TestFrames:
    def frame(self, service: str, **values: list[str]) -> dict[str, Any]:
        return {"service": service, "state": {"slot_values": values}}

    def turn(self, speaker: str, text: str, *frames: dict[str, Any]) -> dict[str, Any]:
        return {"speaker": speaker, "utterance": text, "frames": list(frames)}

    def test_slots_are_those_of_the_state_as_they_were_said(self) -> None:
        record = {
            "dialogue_id": "D1",
            "turns": [
                self.turn("USER", "A cheap one", self.frame("hotel", price=["Cheap"], day=["5"])),
                self.turn("SYSTEM", "For Friday?"),
                self.turn("USER", "Friday it is", self.frame("hotel", day=["fri", "friday"])),
                self.turn("USER", "and by train", self.frame("train", price=["10"])),
            ],
        }

        (conversation,) = read_all("sgd", record)

        assert conversation.name == "D1"
        assert [each.slots for each in conversation.messages] == [
            {"price": "Cheap", "day": "5"},
            None,
            {"day": "friday"},
            {"day": "friday", "price": "10"},
        ]

    def test_columns_of_hugging_face(self) -> None:
        state = {"slots_values": {"slots_values_name": ["city"], "slots_values_list": [["Lima"]]}}
        call = {
            "service_method": "weather",
            "service_call_parameters": {
                "parameter_slot_name": ["city"],
                "parameter_canonical_value": ["Lima"],
            },
        }
        none = {"service_method": "", "service_call_parameters": {"x_name": [], "x": []}}
        results = {"service_results_list": [{"slot_name": ["t"], "slot_value": ["12"]}]}
        record = {
            "turns": {
                "speaker": [0, 1, 1],
                "utterance": ["Lima?", "12 degrees.", "More?"],
                "frames": [
                    {"service": ["w"], "state": [state]},
                    {"service": ["w"], "service_call": [call], "service_results": [results]},
                    {"service": ["w"], "service_call": [none], "service_results": [[]]},
                ],
            }
        }

        messages = read("sgd", record)

        assert detect([("line 1", record)]).name == "sgd"
        assert said(messages) == [
            ("user", "Lima?"),
            ("assistant", [LIMA]),
            ("tool", [{"t": "12"}]),
            ("assistant", "12 degrees."),
            ("assistant", "More?"),
        ]
        assert messages[0].slots == {"city": "Lima"}

    def test_a_speaker_that_is_unknown_is_refused(self) -> None:
        message = problem("sgd", {"turns": [self.turn("BOT", "Hi")]})

        assert message == "line 1, turn 1, field 'speaker': expected USER or SYSTEM, got \"BOT\""


class TestRasa:
    def story(self, *steps: dict[str, Any], **document: Any) -> tuple[Message, ...]:
        return read("rasa", {"stories": [{"story": "a", "steps": list(steps)}], **document})

    @pytest.mark.parametrize(
        ("text", "slots"),
        [
            ("[Lima](city) please\n", {"city": "Lima"}),
            ("[Lima](city:LIM) please", {"city": "LIM"}),
            ('[Lima]{"entity": "city", "role": "to"} please', {"city": "Lima"}),
            ('[Lima]{"entity": "city", "value": "LIM"} please', {"city": "LIM"}),
        ],
    )
    def test_marked_entities_are_slots(self, text: str, slots: Any) -> None:
        (message,) = self.story({"user": text, "intent": "ask"})

        assert (message.text, message.slots) == ("Lima please", slots)

    def test_slots_actions_and_loops(self) -> None:
        messages = self.story(
            {"intent": "ask", "entities": [{"city": "Lima"}]},
            {"or": [{"slot_was_set": [{"day": "today"}, "unit"]}, {"intent": "other"}]},
            {"action": "action_listen"},
            {"action": "weather_form"},
            {"active_loop": "weather_form"},
            {"bot": "It rains."},
            {"action": "utter_bye"},
            nlu=[{"intent": "ask", "examples": "- weather in [Quito](city)?\n- rain?"}],
        )

        assert said(messages) == [
            ("user", "weather in Quito?"),
            ("assistant", [Call("weather_form")]),
            ("assistant", "It rains."),
            ("assistant", "utter_bye"),
        ]
        assert messages[1].slots == {"city": "Lima", "day": "today"}

    def test_an_intent_without_examples_and_rules(self) -> None:
        steps = [{"intent": "greet"}, {"action": "utter_greet"}]
        record = {"rules": [{"rule": "Say hello", "steps": steps}]}

        (conversation,) = read_all("rasa", record)

        assert conversation.name == "Say hello"
        assert said(conversation.messages)[0] == ("user", "/greet")


class TestTrl:
    @pytest.mark.parametrize(
        "record",
        [
            {"prompt": USER["content"], "completion": ASSISTANT["content"]},
            {"prompt": [USER], "completion": [ASSISTANT]},
            {"prompt": json.dumps([USER]), "response": json.dumps([ASSISTANT])},
        ],
    )
    def test_texts_or_messages(self, record: Any) -> None:
        assert said(read("trl", record)) == [
            ("user", USER["content"]),
            ("assistant", ASSISTANT["content"]),
        ]

    def test_the_completion_may_hold_calls_and_responses(self) -> None:
        record = {"prompt": [USER], "completion": [OPENAI_CALL, OPENAI_RESULT, ASSISTANT]}

        assert said(read("trl", record)) == said(read("openai", OPENAI_MESSAGES))
        assert read("trl", record)[2].response == json.loads(RESULT_TEXT)


class TestTemplates:
    def test_llama_3(self) -> None:
        text = (
            "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe kind.<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nLima?<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\nI look.<|eom_id|>"
            '<|start_header_id|>ipython<|end_header_id|>\n\n{"t": 12}<|eot_id|>'
            "<|start_header_id|>assistant<|end_header_id|>\n\n"
        )

        assert detect([("line 1", {"text": text})]).name == "template"
        assert said(read("template", {"text": text})) == [
            ("system", "Be kind."),
            ("user", "Lima?"),
            ("assistant", "I look."),
            ("tool", {"t": 12}),
        ]

    def test_segments_say_what_is_learnt(self) -> None:
        pieces = [
            (False, "<s><|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"),
            (False, "Hm.<|im_end|>\n<|im_start|>user\nWell?<|im_end|>\n<|im_start|>assistant\n"),
            (True, "Hello<|im_end|>"),
        ]
        record = {"segments": [{"label": label, "text": text} for label, text in pieces]}

        messages = read("template", record)

        assert said(messages)[1::2] == [("assistant", "Hm."), ("assistant", "Hello")]
        assert [each.is_trained for each in messages] == [True, False, True, True]

    def test_segments_without_marks(self) -> None:
        segments = [{"label": False, "text": "<s>Hi\n"}, {"label": True, "text": "Hello</s>"}]

        messages = read("template", {"segments": segments})

        assert said(messages) == [("user", "Hi"), ("assistant", "Hello")]

    def test_a_text_without_marks_is_no_conversation(self) -> None:
        assert format_named("template").matches({"text": "Hi <|im_start|>"}) == Match.NO
        assert "field 'text': expected turns" in problem("template", {"text": "Hi"})
