"""Counts conversations, calls and answers of public files, and compares with what we read of them.

    python -m benchmarks.count_formats [--tools=FILE] KIND:FILE[:ANSWERS] …

KIND says how the file is counted: tau, bfcl, sharegpt, parts (LLaMA-Factory's messages), alpaca,
pairs (preference), kto or sgd; --tools has the functions of BFCL questions that list none. The
counts use nothing of trm_engine; ours are those of its samples. Prints a table, and exits with 1 if
a figure differs.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any, NamedTuple

Record = dict[str, Any]


class Counts(NamedTuple):
    conversations: int = 0
    calls: int = 0
    answers: int = 0

    def plus(self, calls: int, answers: int) -> Counts:
        return Counts(self.conversations + 1, self.calls + calls, self.answers + answers)


def records(path: str) -> list[Record]:
    """The records of a JSON or JSONL file."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    try:
        return list(json.loads(text))
    except json.JSONDecodeError:
        return [json.loads(line) for line in text.splitlines() if line.strip()]


def of_turns(turns: Iterable[tuple[bool, int]]) -> tuple[int, int]:
    """Calls and answers of turns: whether each is the assistant's, and its number of calls.

    The assistant's text directly before its own call is no answer.
    """
    listed = [*turns, (False, 0)]
    answers = sum(
        ours and not calls and not next_calls for (ours, calls), (_, next_calls) in pairwise(listed)
    )
    return sum(calls for _, calls in listed), answers


def tau(record: Record) -> tuple[int, int]:
    return of_turns(
        (m["role"] == "assistant", len(m.get("tool_calls") or [])) for m in record["traj"]
    )


def sharegpt(record: Record) -> tuple[int, int]:
    def calls(turn: Record) -> int:
        if turn["from"] != "function_call":
            return 0
        value = json.loads(turn["value"])
        return len(value) if isinstance(value, list) else 1

    turns = record["conversations"]
    return of_turns((t["from"] in ("gpt", "function_call"), calls(t)) for t in turns)


def parts(record: Record) -> tuple[int, int]:
    return of_turns(
        (m["role"] == "assistant", sum(part["type"] == "tool_call" for part in m["content"]))
        for m in record["messages"]
    )


def alpaca(_: Record) -> tuple[int, int]:
    return 0, 1


def pairs(record: Record) -> tuple[int, int]:
    before = sum(turn["from"] == "gpt" for turn in record.get("conversations", []))
    chosen = record.get("chosen_messages")
    return 0, before + (1 if chosen is None else sum(m["role"] == "assistant" for m in chosen))


def kto(record: Record) -> tuple[int, int]:
    return 0, sum(m["role"] == "assistant" for m in record["messages"]) if record["label"] else 0


def sgd(record: Record) -> tuple[int, int]:
    heard = [turn for turn in record["turns"] if turn["speaker"] == "SYSTEM"]
    return sum("service_call" in frame for turn in heard for frame in turn["frames"]), len(heard)


def bfcl(record: Record) -> tuple[int, int]:
    truth = record.get("ground_truth")
    if truth is None:  # nothing is to be called; earlier answers of the assistant stand in it
        said = sum(m["role"] == "assistant" for turn in record["question"] for m in turn)
        return 0, said + (1 if "irrelevance" in record["id"] else 0)
    return sum(len(turn) if isinstance(turn, list) else 1 for turn in truth), 0


KINDS: dict[str, Callable[[Record], tuple[int, int]]] = {
    each.__name__: each for each in (tau, bfcl, sharegpt, parts, alpaca, pairs, kto, sgd)
}


def theirs(kind: str, path: str, answers: str | None) -> Counts:
    known = {each["id"]: each["ground_truth"] for each in records(answers)} if answers else {}
    counts = Counts()
    for record in records(path):
        if record.get("id") in known:
            record["ground_truth"] = known[record["id"]]
        counts = counts.plus(*KINDS[kind](record))
    return counts


def ours(path: str, answers: str | None, tools: str | None) -> tuple[str, Counts]:
    """The format that is found, and the counts of the samples."""
    from trm_engine.data.convert import convert_file

    conversion = convert_file(path, answers_path=answers, tools_path=tools)
    calls = said = 0
    for sample in conversion:
        is_stop = sample["decision"] != "tool_call" and sample["history"][-1]["role"] == "tool_call"
        calls += sample["decision"] == "tool_call"
        said += sample["decision"] != "tool_call" and not is_stop
    account = conversion.account.rows()
    read = sum(count for kind, _, count in account if kind == "conversation")
    found = Counts(read, calls, said)
    return conversion.format.title, found


def main() -> int:
    tools = next((arg[8:] for arg in sys.argv[1:] if arg.startswith("--tools=")), None)
    print("| file | read as | conversations | calls | answers | |\n|---|---|--:|--:|--:|---|")
    is_equal = True
    for argument in (arg for arg in sys.argv[1:] if not arg.startswith("--")):
        kind, path, *rest = argument.split(":")
        counted = theirs(kind, path, *rest or [None])
        title, found = ours(path, *rest or [None], tools if rest else None)
        figures = " | ".join(
            f"{a:,}" if a == b else f"{a:,}, ours {b:,}"
            for a, b in zip(counted, found, strict=True)
        )
        verdict = "equal" if counted == found else "**differs**"
        print(f"| {path.rsplit('/', 1)[-1]} | {title} | {figures} | {verdict} |")
        is_equal &= counted == found
    return 0 if is_equal else 1


if __name__ == "__main__":
    sys.exit(main())
