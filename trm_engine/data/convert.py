"""Convert: conversations of any known format, as training samples.

A sample is one decision of the assistant::

    {"tools": […], "history": […], "decision": "tool_call" or "direct_answer",
     "tool": {"name": …, "arguments": {…}} or {}, "slots": {name: text}, "content": answer or "",
     "conversation": name}

``trm_engine.data.formats`` reads the conversations, ``trm_engine.data.decisions`` finds the
decisions. The tools of a sample are the conversation's own; else those of a separate file; else
they are inferred from all calls of the conversations that list none. All samples of a file have the
same slots: those that the format states, or else those that are asked for, from the arguments that
users have said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, Literal

from trm_engine.data.account import FAULTY, NO_DECISION, SAMPLE, Account
from trm_engine.data.catalogue import Catalogue, InferredTools, ToolReader, read_tools_file
from trm_engine.data.decisions import STOP, Step, has_parallel_calls, samples_of, steps_of
from trm_engine.data.fields import ConvertError, each, fail
from trm_engine.data.formats import Conversation, Format, detect, format_named, looks_like
from trm_engine.data.formats.bfcl import BFCL, with_answers
from trm_engine.data.formats.text_calls import with_text_calls
from trm_engine.data.said_slots import with_said_slots
from trm_engine.data.sources import records
from trm_engine.errors import did_you_mean

__all__ = ["Conversion", "ConvertError", "convert_file", "detect_format"]

Tools = list[dict[str, Any]]


def convert_file(
    path: str | PathLike[str],
    *,
    format: str | None = None,
    tools_path: str | PathLike[str] | None = None,
    tools: Catalogue | None = None,
    answers_path: str | PathLike[str] | None = None,
    slots: Sequence[str] = (),
    on_error: Literal["fail", "skip"] = "fail",
) -> Conversion:
    """The samples of a file of conversations, in the order of the file.

    Args:
        path: the file.
        format: name of its format; by default it is found out from the structure of the file.
        tools_path: file with the tools of conversations that list none.
        tools: these tools themselves.
        answers_path: file with the answers to BFCL questions.
        slots: names of the slots: by default those that the format states.
        on_error: whether a conversation with problems is left out, or fails.

    Raises:
        ConvertError: before the first sample, with all problems of the file.
    """
    listed = tools or (read_tools_file(Path(tools_path)) if tools_path else Catalogue())
    if on_error == "fail":
        listed.all_tools()
    found = format_named(format) if format is not None else detect_format(path)
    answers = Path(answers_path) if answers_path else None
    if answers and found is not BFCL:
        raise ConvertError(f"{path}: only BFCL questions have answers in a file, not {found.title}")
    conversion = Conversion(Path(path), found, listed.tools, tuple(dict.fromkeys(slots)), answers)
    conversion.problems += listed.problems
    conversion.warnings += listed.warnings
    conversion.survey()
    if conversion.problems and (on_error == "fail" or not conversion.has_usable):
        raise ConvertError(*conversion.problems)
    return conversion


def detect_format(path: str | PathLike[str]) -> Format:
    """The format of a file. Raises ConvertError if it has none, or cannot be read."""
    return detect(records(Path(path)))


@dataclass
class Conversion:
    """The samples of a file, and what is known about them. Each iteration reads the file again.

    Attributes:
        path: the file.
        format: its format.
        listed_tools: the tools of conversations that list none.
        slots: names of the slots.
        answers_path: file with the answers to BFCL questions.
        problems: what is wrong with the conversations and tools that are left out.
        warnings: what was left out of tools.
        account: what became of conversations, turns and calls. It is complete after an iteration.
        has_stops: whether turns with calls get a sample that says that no further call follows.
    """

    path: Path
    format: Format
    listed_tools: Tools
    slots: tuple[str, ...]
    answers_path: Path | None = None
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    account: Account = field(default_factory=Account)
    has_stops: bool = False
    has_usable: bool = False
    _inferred: Tools = field(default_factory=list)
    _tools: ToolReader = field(default_factory=ToolReader)
    _only_name: str | None = None

    def survey(self) -> None:
        """Read the file once, to find its problems, slots and tools."""
        slots: dict[str, None] = {}
        inferred = InferredTools()
        names: set[str | None] = set()
        for read in self._conversations(self.problems):
            self.has_usable = True
            names.add(read.conversation.name)
            self.has_stops |= has_parallel_calls(read.conversation)
            for message in read.conversation.messages:
                slots.update(dict.fromkeys(message.slots or ()))
                for call in () if read.tools else message.calls:
                    inferred.add(call.name, call.arguments)
        self.slots = self.slots or tuple(slots)
        self._inferred = inferred.tools()
        self.warnings += self._tools.warnings
        only = next(iter(names), None) if len(names) == 1 else None
        self._only_name = only if self.account.records > 1 else None

    def __iter__(self) -> Iterator[dict[str, Any]]:
        self.account = Account()
        for number, read in enumerate(self._conversations([]), 1):
            steps = self._steps(read.conversation)
            self._count(steps)
            yield from samples_of(
                steps, read.tools or self._inferred, self.slots, self._name(read, number)
            )

    def _conversations(self, problems: list[str]) -> Iterator[_Read]:
        """The conversations that can be used. Problems are added to the list."""
        for where, record in self._records():
            self.account.records += 1
            try:
                read = each(self.format.read(record, where), self._checked)
            except ConvertError as error:
                self.account.conversations[FAULTY] += 1
                problems += _explained(error, record, where, self.format)
                continue
            yield from read

    def _records(self) -> Iterator[tuple[str, Any]]:
        if self.answers_path is None:
            return records(self.path)
        return with_answers(records(self.path), records(self.answers_path), self.listed_tools)

    def _checked(self, conversation: Conversation) -> _Read:
        """A conversation with its tools, if it can be used."""
        conversation = with_text_calls(conversation, self.listed_tools)
        own = self._tools.read(conversation.tools, conversation.where)
        tools = own or self.listed_tools
        steps = steps_of(conversation, has_stops=False)
        if tools:
            _require_listed(steps, tools)
        return _Read(conversation, tools)

    def _steps(self, conversation: Conversation) -> list[Step]:
        steps = steps_of(conversation, self.has_stops)
        if any(message.slots is not None for message in conversation.messages):
            return steps
        return with_said_slots(steps, self.slots)

    def _count(self, steps: list[Step]) -> None:
        account = self.account
        decisions = sum(step.outcome == SAMPLE for step in steps)
        account.conversations[SAMPLE if decisions else NO_DECISION] += 1
        account.samples += decisions
        for step in steps:
            if step.role == STOP:
                account.stops += step.outcome == SAMPLE
            elif step.role == "tool_call":
                account.calls[step.outcome] += 1
            else:
                account.turns[step.role, step.outcome] += 1

    def _name(self, read: _Read, number: int) -> str:
        """The conversation's own name. A name that all have is none."""
        own = read.conversation.name
        return own if own and own != self._only_name else f"{self.path.stem}:{number}"


@dataclass(frozen=True)
class _Read:
    """A conversation, and the tools that it lists or that are listed for it."""

    conversation: Conversation
    tools: Tools


def _explained(error: ConvertError, record: Any, where: str, format: Format) -> tuple[str, ...]:
    """The problems of a record; a single one if it is of another format."""
    other = looks_like(record)
    if other and other is not format and not format.matches(record):
        return (f"{where}: expected {format.title}, as in most of the file, got {other.title}",)
    return error.problems


def _require_listed(steps: list[Step], tools: Tools) -> None:
    """Raise ConvertError if a call is of a tool that is not listed."""
    names = [tool["function"]["name"] for tool in tools]

    def check(step: Step) -> None:
        if step.role == "tool_call" and (called := step.content["name"]) not in names:
            hint = did_you_mean(called, names)
            fail(step.where, "name", "one of the conversation's tools", called, hint)

    each(steps, check)
