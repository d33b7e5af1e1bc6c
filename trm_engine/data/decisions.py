"""Decisions: cuts a conversation into the decisions of its assistant, whatever its format.

- A decision is an answer or a call. What stands before all other turns, such as a greeting, is
  none, and neither is a message that is not to be learnt: it stays in the history.
- What the assistant says beside a call, or directly before one, only announces it. It is dropped,
  for what the assistant does next there is the call.
- Calls that are made together are decisions one after another: the history of each has the calls
  before it, without their responses. That no further call follows is a decision too: an answer
  without text. If a file has such calls, every turn with calls gets it.
- Responses follow the calls that were made together, in the order of the calls. A response answers
  the call with its id, else the next one with its name, else the next one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from trm_engine.data.account import (
    ANNOUNCEMENT,
    HISTORY,
    OPENING,
    ORPHAN,
    SAMPLE,
    STOP,
    UNTRAINED,
)
from trm_engine.data.fields import fail
from trm_engine.data.formats.conversation import Call, Conversation, Message


@dataclass(frozen=True)
class Step:
    """One turn of the history, or what is dropped of it, and what becomes of it.

    ``role`` is a role of the history, or STOP: no further call follows. ``outcome`` is one of
    ``trm_engine.data.account``. ``slots``: the facts known at a decision.
    """

    where: str
    role: str
    content: Any
    outcome: str = HISTORY
    slots: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_kept(self) -> bool:
        """Whether it stands in the history of later decisions."""
        return self.role != STOP and self.outcome != ANNOUNCEMENT


def steps_of(conversation: Conversation, has_stops: bool) -> list[Step]:
    """The steps of a conversation. Raises ConvertError for a response without its call."""
    steps: list[Step] = []
    runs = [list(run) for _, run in groupby(conversation.messages, lambda each: each.role)]
    open_calls: list[_OpenCall] = []
    slots: Mapping[str, str] = {}
    for run, following in zip(runs, [*runs[1:], []], strict=True):
        if run[0].role == "tool":
            steps += _responses(run, open_calls)
            continue
        if run[0].role == "assistant":
            is_answered = bool(following) and following[0].role == "tool"
            found, open_calls = _assistant(run, slots, is_answered, has_stops)
            steps += found
        else:
            open_calls = []
            steps += [Step(each.where, each.role, each.text) for each in run]
        slots = _latest(run, slots)
    return _without_opening(steps)


def has_parallel_calls(conversation: Conversation) -> bool:
    """Whether the assistant makes several calls together somewhere."""
    runs = groupby(conversation.messages, lambda each: each.role)
    return any(sum(len(each.calls) for each in run) > 1 for _, run in runs)


def samples_of(
    steps: Sequence[Step], tools: list[dict[str, Any]], slots: Sequence[str], name: str
) -> Iterator[dict[str, Any]]:
    """One sample per decision, each with the turns before it as its history."""
    history: list[dict[str, Any]] = []
    for step in steps:
        if step.outcome == SAMPLE:
            is_call = step.role == "tool_call"
            yield {
                "tools": tools,
                "history": list(history),
                "decision": "tool_call" if is_call else "direct_answer",
                "tool": step.content if is_call else {},
                "slots": {slot: step.slots.get(slot, "") for slot in slots},
                "content": "" if is_call else step.content,
                "conversation": name,
            }
        if step.is_kept:
            history.append({"role": step.role, "content": step.content})


# Turns of the assistant -------------------------------------------------------------------------


def _assistant(
    run: list[Message], slots: Mapping[str, str], is_answered: bool, has_stops: bool
) -> tuple[list[Step], list[_OpenCall]]:
    """The steps of messages that follow each other, and the calls that they leave open."""
    last_call = max((place for place, each in enumerate(run) if each.calls), default=-1)
    steps: list[Step] = []
    open_calls: list[_OpenCall] = []
    for place, message in enumerate(run):
        slots = _latest([message], slots)
        outcome = SAMPLE if message.is_trained else UNTRAINED
        is_announcement = place <= last_call or (last_call >= 0 and is_answered)
        if message.text or not message.calls:
            said = ANNOUNCEMENT if is_announcement else outcome
            steps.append(Step(message.where, "assistant", message.text, said, slots))
        for call in message.calls:
            content = {"name": call.name, "arguments": call.arguments}
            steps.append(Step(message.where, "tool_call", content, outcome, slots))
            open_calls.append(_OpenCall(call))
        if place == last_call and has_stops:
            steps.append(Step(message.where, STOP, "", outcome, slots))
    return steps, open_calls


def _latest(messages: Sequence[Message], slots: Mapping[str, str]) -> Mapping[str, str]:
    """The facts known behind messages, which were ``slots`` before."""
    given = [each.slots for each in messages if each.slots is not None]
    return given[-1] if given else slots


def _without_opening(steps: list[Step]) -> list[Step]:
    """The steps; what stands before all others is no decision."""
    first = next((place for place, each in enumerate(steps) if each.is_kept), None)
    if first is None or steps[first].outcome != SAMPLE:
        return steps
    opening = steps[first]
    opened = Step(opening.where, opening.role, opening.content, OPENING, opening.slots)
    return [*steps[:first], opened, *steps[first + 1 :]]


# Responses --------------------------------------------------------------------------------------


@dataclass
class _OpenCall:
    """A call that waits for its response."""

    call: Call
    response: Step | None = None


def _responses(messages: list[Message], calls: list[_OpenCall]) -> list[Step]:
    """The responses in the order of their calls, then those that answer no call."""
    orphans: list[Step] = []
    for message in messages:
        step = Step(message.where, "tool_response", message.response)
        if call := _answered(message, calls):
            call.response = step
        else:
            orphans.append(Step(message.where, "tool_response", message.response, ORPHAN))
    found = [each.response for each in calls if each.response]
    calls.clear()
    return found + orphans


def _answered(message: Message, calls: list[_OpenCall]) -> _OpenCall | None:
    """The call that a message answers: by id, then by name, then by order."""
    waiting = [each for each in calls if each.response is None]
    ids = [each.call.id for each in calls if each.call.id is not None]
    if message.call_id is not None and ids:
        for each in waiting:
            if each.call.id == message.call_id:
                return each
        known = ", ".join(map(json.dumps, ids))
        expected = f"the id of an unanswered call ({known})"
        fail(message.where, "tool_call_id", expected, message.call_id)
    named = [each for each in waiting if each.call.name == message.tool_name]
    return next(iter(named or waiting), None)
