"""Sample reader: the samples of a file line by line, and the problems of bad lines."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec

from trm_engine.data.as_samples import NO_OPTIONS, ConvertOptions, problem_in, samples_file
from trm_engine.data.quick import NOT_READ
from trm_engine.data.samples import Sample, explain, parse_sample
from trm_engine.errors import DataError, did_you_mean, no_such_file
from trm_engine.wording import counted

MAX_PROBLEMS_SHOWN = 5

MOST_SLOT_SETS = 1000
"""Number of different sets of slots that are counted."""


@dataclass(frozen=True)
class Problem:
    """A problem in one line of a file."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}, line {self.line}: {self.message}"


@dataclass(frozen=True)
class Line:
    """A line: its number from 1, its offset in the file and its bytes."""

    number: int
    offset: int
    raw: bytes


@dataclass
class SampleReader:
    """Reads the samples of a file line by line, in constant memory.

    A file of another format is converted first (``as_samples``). A line whose slots are not those
    of most lines is bad. With ``on_error="skip"`` bad lines are skipped and collected in
    ``problems``. With ``"fail"`` the whole file is read too, then a DataError lists the first
    problems and their number. ``digest`` is the SHA-256 of all bytes read.
    """

    path: str | Path
    on_error: Literal["fail", "skip"] = "fail"
    options: ConvertOptions = NO_OPTIONS
    problems: list[Problem] = field(default_factory=list)
    digest: hashlib._Hash = field(default_factory=hashlib.sha256)

    def __iter__(self) -> Iterator[tuple[Line, Sample]]:
        self.problems.clear()
        self.digest = hashlib.sha256()
        slot_names = usual_slots(self.path, self.options)
        found = 0
        for line in iter_lines(self.path, self.digest, self.options):
            try:
                sample = parse_sample(line.raw)
            except ValueError as error:
                self._note(line, [*explain(error), *_wrong_slots(line.raw, slot_names)])
                continue
            if problem := _wrong_slot(sample.slots, slot_names):
                self._note(line, [problem])
                continue
            found += 1
            yield line, sample
        if self.problems and self.on_error == "fail":
            raise DataError(summarise(self.problems))
        if not found:
            raise DataError(_nothing_usable(self.path, self.problems))

    def _note(self, line: Line, messages: list[str]) -> None:
        path = "standard input" if str(self.path) == "-" else str(self.path)
        if told := problem_in(line.raw):
            self.problems.append(Problem(path, *told))
            return
        self.problems += [Problem(path, line.number, message) for message in messages]


def iter_lines(
    path: str | Path,
    digest: hashlib._Hash | None = None,
    options: ConvertOptions = NO_OPTIONS,
) -> Iterator[Line]:
    """Yield the lines of a file that are not blank. ``digest`` is updated with all bytes.

    A file that has no samples is converted first, with ``options``.

    Raises:
        DataError: the file is missing or cannot be read.
    """
    offset = 0
    try:
        with open(samples_file(path, options=options), "rb") as file:
            for number, raw in enumerate(file, 1):
                if digest:
                    digest.update(raw)
                if raw.strip():
                    yield Line(number, offset, raw)
                offset += len(raw)
    except FileNotFoundError:
        raise DataError(no_such_file(path, "*.jsonl")) from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None


def usual_slots(path: str | Path, options: ConvertOptions = NO_OPTIONS) -> frozenset[str]:
    """The names of the slots that most lines of a file have; of the first ones, if as many do."""
    counts: Counter[frozenset[str]] = Counter()
    for line in iter_lines(path, options=options):
        with suppress(*NOT_READ):
            slots = frozenset(_slots_of(line.raw).slots)
            if slots in counts or len(counts) < MOST_SLOT_SETS:
                counts[slots] += 1
    return max(counts, key=counts.__getitem__, default=frozenset())


class _Slots(msgspec.Struct):
    """The slots of a line, without the rest of it."""

    slots: dict[str, msgspec.Raw]


_slots_of = msgspec.json.Decoder(_Slots).decode


def summarise(problems: list[Problem]) -> str:
    """The first problems, and the number of the others."""
    shown = [str(problem) for problem in problems[:MAX_PROBLEMS_SHOWN]]
    if len(problems) > len(shown):
        shown.append(
            f"... and {counted(len(problems) - len(shown), 'more problem')}; "
            f"`trm-tui data check {problems[0].path}` lists them all"
        )
    shown.append("(trm-tui train --set data.on_error=skip leaves bad lines out)")
    return "\n".join(shown)


def _wrong_slots(raw: bytes, names: frozenset[str]) -> list[str]:
    """What is wrong with the slots of a line that is no sample, if they can be read."""
    with suppress(*NOT_READ):
        problem = _wrong_slot(_slots_of(raw).slots, names)
        return [problem] if problem else []
    return []


def _wrong_slot(slots: dict[str, Any], names: frozenset[str]) -> str | None:
    """The first slot that is missing or should not be there, in words."""
    if slots.keys() == names:
        return None
    for name in sorted(names):
        if name not in slots:
            return (
                f"slots: '{name}' is missing; every line has the slots of most lines, "
                'empty ones as ""'
            )
    extra = next(name for name in slots if name not in names)
    return f"slots: '{extra}' is not a slot of most lines{did_you_mean(extra, names)}"


def _nothing_usable(path: str | Path, problems: list[Problem]) -> str:
    if problems:
        return f"{path}: no line is usable\n{summarise(problems)}"
    return f"{path}: the file is empty; expected one JSON object a line"
