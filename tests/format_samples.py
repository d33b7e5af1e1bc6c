"""The same conversation in every format that is read: a question, a call, a response, an answer."""

import json
from typing import Any

CALL = {"name": "weather", "arguments": {"city": "Lima"}}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOL = {"name": "weather", "description": "Weather of a city", "parameters": SCHEMA}
OPENAI_TOOL = {"type": "function", "function": TOOL}
RESULT = {"celsius": 12}

ASK, ANSWER = "Weather in Lima?", "12 degrees."
USER = {"role": "user", "content": ASK}
ASSISTANT = {"role": "assistant", "content": ANSWER}
CALL_TEXT, RESULT_TEXT = json.dumps(CALL), json.dumps(RESULT)
ARGUMENTS = json.dumps(CALL["arguments"])

OPENAI_CALL = {
    "role": "assistant", "content": None,
    "tool_calls": [{"id": "c1", "type": "function",
                    "function": {"name": "weather", "arguments": ARGUMENTS}}],
}  # fmt: skip
OPENAI_RESULT = {"role": "tool", "tool_call_id": "c1", "content": RESULT_TEXT}
OPENAI_MESSAGES = [USER, OPENAI_CALL, OPENAI_RESULT, ASSISTANT]

FULL: dict[str, Any] = {
    "openai": {"messages": OPENAI_MESSAGES, "tools": [OPENAI_TOOL]},
    "raw": {
        "conversation": [
            USER,
            {"role": "tool_call", "content": CALL},
            {"role": "tool_response", "content": RESULT},
            ASSISTANT,
        ],
        "tools": [OPENAI_TOOL],
    },
    "responses": {
        "input": [
            USER,
            {"type": "reasoning", "summary": []},
            {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": ARGUMENTS},
            {"type": "function_call_output", "call_id": "c1", "output": RESULT_TEXT},
        ],
        "output": [
            {"type": "message", "role": "assistant",
             "content": [{"type": "output_text", "text": ANSWER}]},
        ],
        "tools": [{"type": "function", **TOOL}],
    },
    "chat-logs": {
        "request": {"messages": OPENAI_MESSAGES[:3], "tools": [OPENAI_TOOL]},
        "response": {"choices": [{"index": 0, "message": ASSISTANT}]},
    },
    "preference": {
        "prompt": OPENAI_MESSAGES[:3],
        "chosen": [ASSISTANT],
        "rejected": [{"role": "assistant", "content": "No idea."}],
        "tools": [OPENAI_TOOL],
    },
    "kto": {"messages": OPENAI_MESSAGES, "tools": [OPENAI_TOOL], "label": True},
    "anthropic": {
        "messages": [
            USER,
            {"role": "assistant", "content": [
                {"type": "text", "text": "Let me look."},
                {"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Lima"}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "t1",
                 "content": [{"type": "text", "text": RESULT_TEXT}]}]},
            ASSISTANT,
        ],
        "tools": [{"name": "weather", "description": TOOL["description"], "input_schema": SCHEMA}],
    },
    "gemini": {
        "contents": [
            {"role": "user", "parts": [{"text": ASK}]},
            {"role": "model", "parts": [{"functionCall": {"name": "weather",
                                                          "args": {"city": "Lima"}}}]},
            {"role": "function", "parts": [{"functionResponse": {"name": "weather",
                                                                 "response": RESULT}}]},
            {"role": "model", "parts": [{"text": ANSWER}]},
        ],
        "tools": [{"functionDeclarations": [TOOL]}],
    },
    "sharegpt": {
        "conversations": [
            {"from": "human", "value": ASK},
            {"from": "function_call", "value": CALL_TEXT},
            {"from": "observation", "value": RESULT_TEXT},
            {"from": "gpt", "value": ANSWER},
        ],
        "system": "",
        "tools": json.dumps([TOOL]),
    },
    "llama-factory": {
        "messages": [
            {"role": "user", "content": [{"type": "text", "value": ASK}]},
            {"role": "assistant", "content": [{"type": "reasoning", "value": "Hm."},
                                              {"type": "tool_call", "value": CALL_TEXT}]},
            {"role": "tool", "content": [{"type": "text", "value": RESULT_TEXT}]},
            {"role": "assistant", "content": [{"type": "text", "value": ANSWER}],
             "loss_weight": 1.0},
        ],
        "tools": json.dumps([OPENAI_TOOL]),
    },
    "trl": {
        "prompt": OPENAI_MESSAGES[:3], "completion": [ASSISTANT], "tools": [OPENAI_TOOL],
    },
    "alpaca": {
        "instruction": f"<tool_response>{RESULT_TEXT}</tool_response>", "input": "",
        "output": ANSWER,
        "history": [[ASK, f"<tool_call>{CALL_TEXT}</tool_call>"]],
        "tools": json.dumps([TOOL]),
    },
    "glaive": {
        "system": f"SYSTEM: {json.dumps(TOOL, indent=4)}",
        "chat": f"USER: {ASK}\n\n\nASSISTANT: <functioncall> "
        f'{{"name": "weather", "arguments": \'{ARGUMENTS}\'}} <|endoftext|>\n\n\n'
        f"FUNCTION RESPONSE: {RESULT_TEXT}\n\n\nASSISTANT: {ANSWER} <|endoftext|>",
    },
    "toolace": {
        "system": json.dumps([TOOL]),
        "conversations": [
            {"from": "user", "value": ASK},
            {"from": "assistant", "value": '[weather(city="Lima")]'},
            {"from": "tool", "value": json.dumps([{"name": "weather", "results": RESULT}])},
            {"from": "assistant", "value": ANSWER},
        ],
    },
    "template": {
        "text": f"<|im_start|>system\n<tools>{json.dumps(TOOL)}</tools><|im_end|>\n"
        f"<|im_start|>user\n{ASK}<|im_end|>\n"
        f"<|im_start|>assistant\n<tool_call>\n{CALL_TEXT}\n</tool_call><|im_end|>\n"
        f"<|im_start|>tool\n<tool_response>\n{RESULT_TEXT}\n</tool_response><|im_end|>\n"
        f"<|im_start|>assistant\n{ANSWER}<|im_end|>\n",
    },
    "tau-bench": {
        "task_id": 0, "trial": 1, "reward": 1.0, "info": {},
        "traj": OPENAI_MESSAGES, "tools": [OPENAI_TOOL],
    },
    "sgd": {
        "dialogue_id": "1_00000", "services": ["Weather_1"], "tools": [OPENAI_TOOL],
        "turns": [
            {"speaker": "USER", "utterance": ASK, "frames": [
                {"service": "Weather_1", "state": {"slot_values": {"city": ["LIM", "Lima"]}}}]},
            {"speaker": "SYSTEM", "utterance": ANSWER, "frames": [
                {"service": "Weather_1", "service_results": [RESULT],
                 "service_call": {"method": "weather", "parameters": {"city": "Lima"}}}]},
        ],
    },
}  # fmt: skip
"""One record a format that can hold a call, its response and an answer, and their tool."""

PARTLY: dict[str, tuple[Any, list[dict[str, Any]]]] = {
    "xlam": (
        {"query": ASK, "answers": json.dumps([CALL]),
         "tools": json.dumps([{"name": "weather", "parameters": {"city": {"type": "str"}}}])},
        [CALL],
    ),
    "bfcl": (
        {"id": "simple_0", "question": [[USER]], "function": [TOOL],
         "ground_truth": [{"weather": {"city": ["Lima", "lima"], "unit": ["", "c"]}}]},
        [CALL],
    ),
    "rasa": (
        {"version": "3.1",
         "stories": [{"story": "a", "steps": [
             {"user": "Weather in [Lima](city)?", "intent": "ask"},
             {"slot_was_set": [{"city": "Lima"}]},
             {"action": "weather"}, {"action": "utter_degrees"}]}],
         "responses": {"utter_degrees": [{"text": ANSWER}]}},
        [{"name": "weather", "arguments": {}}, {}],
    ),
}  # fmt: skip
"""Formats that have no responses or no answers: a record, and the call of each decision."""
