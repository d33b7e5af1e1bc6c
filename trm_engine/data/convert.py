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

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, Literal, Self

from trm_engine.data.account import Account
from trm_engine.data.catalogue import Catalogue, InferredTools, ToolReader, read_tools_file
from trm_engine.data.decisions import Step, has_parallel_calls, samples_of, steps_of
from trm_engine.data.fields import ConvertError, each, fail
from trm_engine.data.formats.bfcl import BFCL, with_answers
from trm_engine.data.formats.detection import (
    Conversation,
    Format,
    UnknownFormatError,
    detect,
    format_named,
    looks_like,
)
from trm_engine.data.formats.text_calls import with_text_calls
from trm_engine.data.said_slots import with_said_slots
from trm_engine.data.sources import Record, Source
from trm_engine.errors import did_you_mean
from trm_engine.wording import counted

__all__ = ["Conversion", "ConvertError", "convert_file", "convert_source", "detect_format"]

Tool = dict[str, Any]
Tools = list[Tool]
Progress = Callable[[str, float], None]
"""Called with what is done, and the share of it that is done, 0 to 1."""

MOST_PROBLEMS = 1000
"""Number of problems that are kept."""

EVERY = 64
"""Number of records between two reports of progress."""


def convert_file(path: str | PathLike[str], **options: Any) -> Conversion:
    """The samples of a file of conversations, in the order of the file.

    Args:
        path: the file, or "-" for standard input.
        options: those of ``convert_source``.

    Raises:
        ConvertError: before the first sample, with all problems of the file.
    """
    source = Source(path)
    try:
        return convert_source(source, **options)
    except BaseException:
        source.close()
        raise


def convert_source(
    source: Source,
    *,
    format: str | None = None,
    tools_path: str | PathLike[str] | None = None,
    tools: Catalogue | None = None,
    answers_path: str | PathLike[str] | None = None,
    slots: Sequence[str] = (),
    default_slots: Sequence[str] = (),
    default_tools: Sequence[Tool] = (),
    on_error: Literal["fail", "skip"] = "fail",
    progress: Progress = lambda what, share: None,
) -> Conversion:
    """The samples of the conversations in a source.

    Args:
        source: the open source. It is closed with the conversion.
        format: name of its format; by default it is found out from the structure of the file.
        tools_path: file with the tools of conversations that list none.
        tools: these tools themselves.
        answers_path: file with the answers to BFCL questions.
        slots: names of the slots: by default those that the format states.
        default_slots: names of the slots if the format states none.
        default_tools: tools of conversations that list none, if no others are given; what calls
            show of further tools is added.
        on_error: whether a conversation with problems is left out, or fails.
        progress: called while the file is read.

    Raises:
        ConvertError: before the first sample, with all problems of the file.
    """
    given = format_named(format) if format is not None else None
    listed = tools or (read_tools_file(Path(tools_path)) if tools_path else Catalogue())
    if on_error == "fail":
        listed.all_tools()
    reader = _Reader(source, progress)
    found = given or _detected(reader)
    if answers_path and found is not BFCL:
        expected = "only BFCL questions have answers in a file"
        raise ConvertError(f"{source.name}: {expected}, not {found.title}")
    wanted = tuple(dict.fromkeys(slots))
    defaults = tuple(default_slots), default_tools
    conversion = Conversion(reader, found, listed.tools, wanted, *defaults, answers_path)
    conversion.problems += listed.problems
    conversion.warnings += listed.warnings
    conversion.survey()
    if conversion.problems and (on_error == "fail" or not conversion.is_usable):
        raise ConvertError(*conversion.problems, *_more(conversion))
    return conversion


def _more(conversion: Conversion) -> list[str]:
    """How many conversations have problems, if not all are named."""
    is_cut = len(conversion.problems) >= MOST_PROBLEMS
    faulty = conversion.account.faulty
    return [f"problems in {counted(faulty, 'conversation')}; these are the first"] if is_cut else []


def detect_format(path: str | PathLike[str]) -> Format:
    """The format of a file. Raises ConvertError if it has none, or cannot be read."""
    with Source(path) as source:
        return _detected(_Reader(source, lambda what, share: None))


def _detected(reader: _Reader) -> Format:
    """The format of most records. Raises ConvertError, with all problems if none can be read."""
    problems: list[str] = []

    def values() -> Iterator[tuple[str, Any]]:
        for record in reader.records("finding the format"):
            if record.problem is None:
                yield record.where, record.value
            else:
                problems.extend(record.problem.problems)

    try:
        return detect(values())
    except UnknownFormatError as error:
        raise UnknownFormatError(*(problems or error.problems)) from None


@dataclass(frozen=True)
class _Reader:
    """Reads a source, and says how far it is."""

    source: Source
    progress: Progress

    def records(self, what: str) -> Iterator[Record]:
        for place, record in enumerate(self.source):
            if place % EVERY == 0:
                self.progress(what, self.source.share)
            yield record


@dataclass
class Conversion:
    """The samples of a file, and what is known about them. Each iteration reads the file again.

    Attributes:
        format: the format of the file.
        listed_tools: the tools of conversations that list none.
        slots: names of the slots.
        default_slots: their names if the format states none.
        default_tools: with those that calls show, the tools of conversations where none is listed.
        answers_path: file with the answers to BFCL questions.
        problems: what is wrong with the conversations and tools that are left out.
        warnings: what was left out of tools.
        account: what became of conversations, turns and calls. It is complete after an iteration.
        has_stops: whether turns with calls get a sample that says that no further call follows.
        is_usable: whether any conversation can be used.
    """

    _reader: _Reader
    format: Format
    listed_tools: Tools
    slots: tuple[str, ...]
    default_slots: tuple[str, ...] = ()
    default_tools: Sequence[Tool] = ()
    answers_path: str | PathLike[str] | None = None
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    account: Account = field(default_factory=Account)
    has_stops: bool = False
    is_usable: bool = False
    _unlisted: Tools = field(default_factory=list)
    _tools: ToolReader = field(default_factory=ToolReader)
    _only_name: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.source.close()

    def survey(self) -> None:
        """Read the file once, to find its problems, slots and tools."""
        slots: dict[str, None] = {}
        inferred = InferredTools()
        names: set[str | None] = set()
        for read in self._conversations("reading", self.problems):
            self.is_usable = True
            if len(names) < 2:
                names.add(read.conversation.name)
            self.has_stops |= has_parallel_calls(read.conversation)
            for message in read.conversation.messages:
                slots.update(dict.fromkeys(message.slots or ()))
                for call in () if read.tools else message.calls:
                    inferred.add(call.name, call.arguments)
        self.slots = self.slots or tuple(slots) or self.default_slots
        known = {tool["function"]["name"] for tool in self.default_tools}
        shown = [tool for tool in inferred.tools() if tool["function"]["name"] not in known]
        self._unlisted = [*self.default_tools, *shown]
        self.warnings += self._tools.warnings
        only = next(iter(names), None) if len(names) == 1 else None
        self._only_name = only if self.account.records > 1 else None

    def __iter__(self) -> Iterator[dict[str, Any]]:
        self.account = Account()
        for read in self._conversations("writing", []):
            steps = self._steps(read.conversation)
            self.account.add((step.role, step.outcome) for step in steps)
            tools = read.tools or self._unlisted
            yield from samples_of(steps, tools, self.slots, self._name(read))

    def requests(self) -> Iterator[dict[str, Any]]:
        """What is to be predicted: what follows a conversation that ends with a user or a tool,
        else every decision of it. Conversations that list no tools may use any."""
        for read in self._conversations("writing", []):
            steps = steps_of(read.conversation, has_stops=False)
            kept = [step for step in steps if step.is_kept]
            if kept and kept[-1].role in ("user", "tool_response"):
                history = [{"role": step.role, "content": step.content} for step in kept]
                yield {"tools": read.tools, "history": history, "conversation": self._name(read)}
                continue
            for sample in samples_of(steps, read.tools, (), self._name(read)):
                yield {key: sample[key] for key in ("tools", "history", "conversation")}

    def _conversations(self, what: str, problems: list[str]) -> Iterator[_Read]:
        """The conversations that can be used. Problems are added to the list."""
        for record in self._records(what):
            self.account.records += 1
            found = self._read(record)
            while True:
                try:
                    read = next(found, None)
                    if read is None:
                        break
                    checked = self._checked(*read)
                except ConvertError as error:
                    self.account.drop()
                    if len(problems) < MOST_PROBLEMS:
                        problems += _explained(error, record, self.format)
                else:
                    yield checked

    def _records(self, what: str) -> Iterator[Record]:
        found = self._reader.records(what)
        if self.answers_path is None:
            return found
        with Source(self.answers_path) as answers:
            return with_answers(found, list(answers), self.listed_tools)

    def _read(self, record: Record) -> Iterator[tuple[Conversation, str]]:
        """The conversations of a record and their numbers in the file. Raises ConvertError."""
        if record.problem is not None:
            raise record.problem
        for place, conversation in enumerate(self.format.read(record.value, record.where), 1):
            yield conversation, record.number if place == 1 else f"{record.number}.{place}"

    def _checked(self, conversation: Conversation, number: str) -> _Read:
        """A conversation with its tools, if it can be used."""
        conversation = with_text_calls(conversation, self.listed_tools)
        own = self._tools.read(conversation.tools, conversation.where)
        tools = own or self.listed_tools
        steps = steps_of(conversation, has_stops=False)
        if tools:
            _require_listed(steps, tools)
        return _Read(conversation, number, tools)

    def _steps(self, conversation: Conversation) -> list[Step]:
        steps = steps_of(conversation, self.has_stops)
        if any(message.slots is not None for message in conversation.messages):
            return steps
        return with_said_slots(steps, self.slots)

    def _name(self, read: _Read) -> str:
        """The conversation's own name. A name that all have is none."""
        own = read.conversation.name
        if own and own != self._only_name:
            return own
        name = self._reader.source.name
        return f"{'stdin' if name == 'standard input' else Path(name).stem}:{read.number}"


@dataclass(frozen=True)
class _Read:
    """A conversation, its number in the file, and the tools that are listed for it."""

    conversation: Conversation
    number: str
    tools: Tools


def _explained(error: ConvertError, record: Record, format: Format) -> tuple[str, ...]:
    """The problems of a record; a single one if it is of another format."""
    if record.problem is None and not format.matches(record.value):
        other = looks_like(record.value)
        if other:
            expected = f"expected {format.title}, as in most of the file, got {other.title}"
            return (f"{record.where}: {expected}",)
    return error.problems


def _require_listed(steps: list[Step], tools: Tools) -> None:
    """Raise ConvertError if a call is of a tool that is not listed."""
    names = [tool["function"]["name"] for tool in tools]

    def check(step: Step) -> None:
        if step.role == "tool_call" and (called := step.content["name"]) not in names:
            hint = did_you_mean(called, names)
            fail(step.where, "name", "one of the conversation's tools", called, hint)

    each(steps, check)
