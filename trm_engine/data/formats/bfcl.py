"""BFCL: questions of the Berkeley Function Calling Leaderboard, with their possible answers.

A record is ``{"id": …, "question": …, "function": […], "ground_truth": […]}``. The ground truth
mostly stands in a file of its own, under the same ids (``--answers FILE``): calls with the values
that are allowed for each argument, of which the first is taken ("" means that it may be left out),
or calls as Python. A question of the category irrelevance has none, for no function fits it: the
answer is without text. Source: berkeley-function-call-leaderboard of ShishirPatil/gorilla.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import zip_longest
from typing import Any

from trm_engine.data.fields import ConvertError, decoded, fail
from trm_engine.data.formats.columns import name_of
from trm_engine.data.formats.conversation import Call, Conversation, Format, Match, Message
from trm_engine.data.formats.dialogue import read_dialogue
from trm_engine.data.formats.parts import call_of
from trm_engine.data.formats.python_calls import python_calls
from trm_engine.data.formats.text_calls import parameters_of
from trm_engine.data.sources.record import Record

TOOL_KEYS = ("function", "functions", "tools")
TRUTH = ("ground_truth", "possible_answer")


def matches(record: Any) -> Match:
    """Whether a record has a question, and functions or what stands for them."""
    if not isinstance(record, dict) or not isinstance(record.get("question"), str | list):
        return Match.NO
    has_functions = isinstance(decoded(record.get("function")), list | dict)
    return Match.CERTAIN if has_functions or "involved_classes" in record else Match.NO


def with_answers(
    records: Iterable[Record], answers: Iterable[Record], tools: Any = None
) -> Iterator[Record]:
    """The questions with the answers of another file, joined by id.

    Args:
        records: the questions.
        answers: the answers.
        tools: the functions of questions that list none.

    Raises:
        ConvertError: no answer has the id of any question.
    """
    known: dict[str, Any] = {}
    for each in answers:
        if each.problem:
            raise each.problem
        answer = each.value
        if not isinstance(answer, dict) or "id" not in answer or _truth(answer) is None:
            fail(each.where, None, "an answer, with id and ground_truth", answer)
        known[str(answer["id"])] = _truth(answer)
    joined = 0
    for each in records:
        question = each.value
        if isinstance(question, dict):
            if str(question.get("id")) in known:
                question = {**question, "ground_truth": known[str(question["id"])]}
                joined += 1
            if tools and not any(question.get(key) for key in TOOL_KEYS):
                question = {**question, "function": tools}
        yield replace(each, value=question)
    if not joined:
        raise ConvertError("no answer has the id of a question: is it the file with their answers?")


def _truth(record: dict[str, Any]) -> Any:
    return next((record[key] for key in TRUTH if record.get(key) is not None), None)


def read(record: Any, where: str) -> Iterator[Conversation]:
    """The conversation of a record: each turn of the question and the calls that answer it."""
    if not isinstance(record, dict) or not record.get("question"):
        fail(where, None, "a question", record)
    tools = next((record[key] for key in TOOL_KEYS if record.get(key)), None)
    tools = [decoded(tools)] if isinstance(decoded(tools), dict) else decoded(tools)
    turns = _turns(record.get("question"), where)
    truth = _truth(record)
    answers = _answers(truth, parameters_of(tools), where) if truth is not None else []
    is_irrelevant = "irrelevance" in str(record.get("id")) and truth is None
    messages: list[Message] = []
    for number, (turn, calls) in enumerate(zip_longest(turns, answers), 1):
        messages += turn or ()
        if calls or is_irrelevant:
            here = f"{where}, turn {number}"
            messages.append(Message(here, "assistant", calls=tuple(calls or ())))
    yield Conversation(where, tuple(messages), tools, name_of(record))


def _turns(question: Any, where: str) -> list[list[Message]]:
    """The messages of each turn. A question is text, messages, or a list of messages a turn."""
    place = f"{where}, field 'question'"
    if isinstance(question, list) and question and all(isinstance(t, list) for t in question):
        return [list(read_dialogue(turn, "user", place)) for turn in question]
    return [list(read_dialogue(question, "user", place))]


def _answers(truth: Any, parameters: dict[str, list[str]], where: str) -> list[list[Call]]:
    """The calls of each turn."""
    truth = decoded(truth)
    if isinstance(truth, list) and truth and all(isinstance(turn, list) for turn in truth):
        return [[_call(call, parameters, where) for call in turn] for turn in truth]
    found = truth if isinstance(truth, list) else [truth]
    if not found or not all(_is_call(call) for call in found):
        return []  # what the answer says, or what the call returns
    return [[_call(call, parameters, where) for call in found]]


def _is_call(value: Any) -> bool:
    if isinstance(value, str):
        return value.rstrip().endswith(")") and "(" in value
    return isinstance(value, dict) and len(value) == 1 and all(map(_is_object, value.values()))


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _call(value: Any, parameters: dict[str, list[str]], where: str) -> Call:
    name = "ground_truth"
    if isinstance(value, str):
        try:
            (call,) = python_calls(value, parameters)
        except ValueError as error:
            raise ConvertError(f"{where}, field {name!r}: expected one call ({error})") from None
        return call
    if not isinstance(value, dict) or not _is_call(value):
        fail(where, name, "a call, {name: {argument: [values]}}", value)
    ((tool, arguments),) = value.items()
    allowed = _chosen(arguments)
    return call_of({"name": tool, "arguments": allowed}, where, name)


def _chosen(value: Any) -> Any:
    """A value with the first of the allowed values in each object; "" means that it is left out."""
    if isinstance(value, list):
        return [_chosen(each) for each in value]
    if not isinstance(value, dict):
        return value
    allowed = {name: each if isinstance(each, list) else [each] for name, each in value.items()}
    return {name: _chosen(each[0]) for name, each in allowed.items() if each and each[0] != ""}


BFCL = Format("bfcl", "BFCL questions", matches, read)
