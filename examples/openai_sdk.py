"""Calls of tools from OpenAI's client. Needs a server: trm-tui serve outputs/first

python examples/openai_sdk.py http://127.0.0.1:8321 "How much do I owe?"
"""

from __future__ import annotations

import json
import sys
from typing import Any

from openai import OpenAI


def calls_for(url: str, messages: list[Any], tools: list[Any], **options: Any) -> list[Any]:
    """The calls to make now, as names and arguments; none if the answer is a text."""
    client = OpenAI(base_url=f"{url}/v1", api_key="none")
    answer = client.chat.completions.create(
        model="router", messages=messages, tools=tools, **options
    )
    made = answer.choices[0].message.tool_calls or []
    return [(call.function.name, json.loads(call.function.arguments)) for call in made]


if __name__ == "__main__":
    tool = {"type": "function", "function": {"name": "check_bill", "parameters": {}}}
    print(calls_for(sys.argv[1], [{"role": "user", "content": sys.argv[2]}], [tool]))
