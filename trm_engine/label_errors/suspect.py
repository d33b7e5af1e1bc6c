"""Suspects: labels that are probably wrong, and the opinions that they come from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from trm_engine.errors import DataError, no_such_file
from trm_engine.files.atomic import atomic_file
from trm_engine.files.jsonl import to_line

Kind = Literal["decision", "tool", "slot", "argument"]
KINDS: tuple[Kind, ...] = ("decision", "tool", "slot", "argument")

RESULT = "label_errors.jsonl"
"""The suspects of a search, in its folder."""

SEARCH = "search.json"
"""What was searched, in the folder of a search."""

Record = TypeVar("Record", bound=msgspec.Struct)


class FieldOpinion(msgspec.Struct, frozen=True):
    """A slot or argument to which a model gives another value than its label.

    ``given`` and ``predicted`` are "" for no value; each has the model's probability.
    """

    kind: Kind
    field: str
    given: Any
    predicted: Any
    given_probability: float
    predicted_probability: float


class Opinion(msgspec.Struct, frozen=True):
    """What a model that was trained on other conversations thinks of one sample.

    ``call``: the probability that a tool is called. ``tools``: that of each tool, should one be.
    ``made``: the call that the model would make; None if it knows no tool that is available.
    """

    line: int
    decision: str
    tool: str | None
    call: float
    tools: dict[str, float]
    made: dict[str, Any] | None
    fields: list[FieldOpinion]


class Suspect(msgspec.Struct, frozen=True):
    """A label that is probably wrong. ``score`` from 0 to 1: how surely.

    ``line``: that of the sample. ``field``: the slot or argument, else "". ``given``: the label;
    ``predicted``: the model's. ``call``: the call that comes with another decision or tool.
    """

    line: int
    kind: Kind
    field: str
    given: Any
    predicted: Any
    score: float
    call: dict[str, Any] | None = None


def write_records(path: Path, records: Iterable[msgspec.Struct]) -> None:
    """Write records as JSON lines. The file appears when it is complete."""
    with atomic_file(path) as file:
        for record in records:
            file.write(to_line(msgspec.to_builtins(record)))


def read_opinions(path: Path) -> list[Opinion]:
    """Read the opinions that ``write_records`` wrote."""
    return list(_read(path, Opinion))


def read_suspects(path: Path) -> list[Suspect]:
    """Read a file of label errors.

    Raises:
        DataError: it is missing, or a line is none.
    """
    return list(_read(path, Suspect))


def _read(path: Path, kind: type[Record]) -> Iterator[Record]:
    decode = msgspec.json.Decoder(kind).decode
    number = 1
    try:
        with open(path, "rb") as file:
            for line in file:
                yield decode(line)
                number += 1
    except FileNotFoundError:
        raise DataError(no_such_file(path, "*.jsonl")) from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise DataError(f"{path}, line {number}: {error}") from None


def usual_folder(file: Path) -> Path:
    """The folder of the search in a file, unless another one is named."""
    return Path("outputs") / f"errors-{file.stem}"


def searched_content(folder: Path) -> str:
    """The hash of the file that the search in a folder is of.

    Raises:
        DataError: the folder holds no search.
    """
    note = folder / SEARCH
    try:
        return str(json.loads(note.read_text(encoding="utf-8"))["content"])
    except OSError:
        raise DataError(no_such_file(note, "*.json")) from None
    except (ValueError, KeyError, TypeError):
        raise DataError(f"{note}: not the note of a search") from None
