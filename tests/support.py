"""What several tests share: small samples, files of them, processes to start and kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.forking import CODE, ROOT

SLOTS = ("phone", "name", "plan")

TOOLS: list[dict[str, Any]] = [
    {
        "type": "function",
        "function": {
            "name": "find_customer",
            "description": "Look a customer up",
            "parameters": {"type": "object", "properties": {"phone": {"type": "string"}}},
        },
    },
    {
        "type": "function",
        "function": {
            "name": "change_plan",
            "description": "Change a plan",
            "parameters": {
                "type": "object",
                "properties": {
                    "plan": {"type": "string", "enum": ["basic", "premium"]},
                    "months": {"type": "integer"},
                },
            },
        },
    },
]

PEOPLE = (
    ("0901234567", "An Nguyễn", "basic"),
    ("+84 90 765 43 21", "李小龙", "premium"),
    ("555-0199", "Zoë O'Neil", "premium"),
    ("0800 11 22", "Müller", "basic"),
    ("12 12", "Jo 😀", "basic"),
)


def rounds(few: int) -> int:
    """How often something is tried by chance: ``few`` times, or N of the environment."""
    return int(os.environ.get("N", few))


def sample(**changes: Any) -> dict[str, Any]:
    """A well-formed sample with some of its keys changed."""
    plain = {
        "tools": [],
        "history": [{"role": "user", "content": "hello"}],
        "decision": "direct_answer",
        "tool": {},
        "slots": dict.fromkeys(SLOTS, ""),
        "content": "Hello!",
    }
    return {**plain, **changes}


def dialogue(number: int) -> list[dict[str, Any]]:
    """Three decision points of one conversation, each history continuing the one before."""
    phone, name, plan = PEOPLE[number % len(PEOPLE)]
    months = number + 1
    call = {"name": "find_customer", "arguments": {"phone": phone}}
    change = {"name": "change_plan", "arguments": {"plan": plan, "months": months}}
    history: list[dict[str, Any]] = [
        {"role": "system", "content": "You work for a telecom company."},
        {"role": "user", "content": f"Xin chào, case {number}:\n  I need help\twith my plan"},
    ]
    greeting = sample(tools=TOOLS, history=list(history), content="Your number?")
    history += [
        {"role": "assistant", "content": "Your number?"},
        {"role": "user", "content": f"It is {phone}, my name is {name}."},
    ]
    known = {"phone": phone, "name": name, "plan": ""}
    lookup = sample(
        tools=TOOLS, history=list(history), decision="tool_call", tool=call, slots=known, content=""
    )
    history += [
        {"role": "tool_call", "content": json.dumps(call, ensure_ascii=False)},
        {"role": "tool_response", "content": {"id": number, "active": True}},
        {"role": "user", "content": f"the cheaper one for {months} months"},
    ]
    final = sample(
        tools=TOOLS,
        history=list(history),
        decision="tool_call",
        tool=change,
        slots={**known, "plan": plan},
        content="",
    )
    return [greeting, lookup, final]


def dialogues(count: int = 20) -> list[dict[str, Any]]:
    """The samples of ``count`` varied conversations."""
    return [each for number in range(count) for each in dialogue(number)]


def write_jsonl(path: Path, records: Iterable[Mapping[str, Any] | bytes]) -> Path:
    """Write one line a record; bytes are written as they are."""
    lines = (
        each if isinstance(each, bytes) else json.dumps(each, ensure_ascii=False).encode()
        for each in records
    )
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def start_python(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Run Python code in a process of its own, from the root of the repository."""
    return subprocess.Popen(
        [*CODE, code, *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def kill(process: subprocess.Popen[str]) -> None:
    """End a process as a crash would, without a chance to tidy up."""
    process.send_signal(signal.SIGKILL)
    process.communicate()


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for a condition, and fail if it does not come."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)
