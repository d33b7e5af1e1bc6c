"""Corrections: what is to become of suspects, applied to a file, with a log of every change.

A file of decisions has a line each: ``{"line": 12, "kind": "slot", "field": "city", "action":
"take"}``. Actions: *keep* the label, *take* the model's, *edit* (to ``value``), *drop* the sample,
*undo* the decision before. The last decision on a label counts.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from trm_engine.data.sample_reader import iter_lines
from trm_engine.data.samples import explain, parse_sample
from trm_engine.data.values import flatten, unflatten
from trm_engine.errors import DataError, did_you_mean, no_such_file
from trm_engine.files.atomic import atomic_file
from trm_engine.files.jsonl import to_json, to_line
from trm_engine.label_errors.suspect import KINDS, Kind, Suspect
from trm_engine.wording import counted

Action = Literal["keep", "take", "edit", "drop", "undo"]
ACTIONS: tuple[Action, ...] = ("keep", "take", "edit", "drop", "undo")
LOG_SUFFIX = ".changes.jsonl"
Label = tuple[int, Kind, str]
Record = dict[str, Any]


class Decision(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is to become of one label. ``value``: the new label of an edit; for a decision or a
    tool, "direct_answer" or the call ``{"name": ..., "arguments": {...}}``."""

    line: int
    kind: Kind
    action: Action
    field: str = ""
    value: Any = None

    @property
    def label(self) -> Label:
        return (self.line, self.kind, self.field)


class Change(msgspec.Struct, frozen=True):
    """One line of the log: what a label was and is now. A dropped sample has ``after`` null."""

    line: int
    kind: Kind
    field: str
    action: Action
    before: Any
    after: Any


def read_decisions(path: Path) -> list[Decision]:
    """Read a file of decisions.

    Raises:
        DataError: it is missing, or a line is no decision.
    """
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        raise DataError(no_such_file(path, "*.jsonl")) from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    return [_read(path, number, raw) for number, raw in enumerate(lines, 1) if raw.strip()]


def _read(path: Path, number: int, raw: bytes) -> Decision:
    try:
        record = json.loads(raw)
        for name, known in (("kind", KINDS), ("action", ACTIONS)):
            given = record.get(name)
            if given not in known:
                hint = did_you_mean(str(given), known)
                raise ValueError(f"{name}: {given!r}{hint}: expected one of {', '.join(known)}")
        return msgspec.convert(record, Decision)
    except (ValueError, AttributeError, RecursionError) as error:
        raise DataError(f"{path}, line {number}: not a decision: {error}") from None


def in_force(decisions: Iterable[Decision]) -> dict[Label, Decision]:
    """The decisions that count: the last one on each label that is not undone."""
    stacks: dict[Label, list[Decision]] = defaultdict(list)
    for each in decisions:
        if each.action == "undo":
            if stacks[each.label]:
                stacks[each.label].pop()
        else:
            stacks[each.label].append(each)
    return {label: stack[-1] for label, stack in stacks.items() if stack}


def apply_decisions(
    file: Path, suspects: Sequence[Suspect], decisions: Iterable[Decision], out: Path, log: Path
) -> list[Change]:
    """Write the corrected file and the log of its changes. Both appear when they are complete.

    Raises:
        DataError: a decision does not fit the file, or makes a sample invalid.
    """
    if out.resolve() == file.resolve():
        raise DataError(f"{out}: is the file itself, which is never changed; give another name")
    of_line: dict[int, list[Decision]] = defaultdict(list)
    known = {(each.line, each.kind, each.field): each for each in suspects}
    for label, decision in in_force(decisions).items():
        if decision.action == "take" and label not in known:
            raise DataError(f"{_named(label)}: the models suspect no such label")
        of_line[decision.line].append(decision)
    changes: list[Change] = []
    try:
        with atomic_file(log) as logged, atomic_file(out) as written:
            for raw, made in _lines(file, of_line, known):
                written.write(raw)
                logged.writelines(to_line(msgspec.to_builtins(each)) for each in made)
                changes += made
    except OSError as error:
        raise DataError(f"{out}: cannot be written: {error.strerror}") from None
    return changes


def refuse_misfits(
    file: Path, raw: bytes, due: Sequence[Decision], known: dict[Label, Suspect]
) -> None:
    """Check all decisions on one sample, given as its line.

    Raises:
        DataError: one does not fit the sample, or makes it invalid.
    """
    if any(each.action != "keep" for each in due):
        _corrected(file, raw, due, known)


def log_of(out: Path) -> Path:
    """The log of a corrected file."""
    return out.with_suffix(LOG_SUFFIX)


def in_words(changes: Sequence[Change]) -> str:
    """How many labels were changed and samples dropped."""
    dropped = sum(each.action == "drop" for each in changes)
    return (
        f"{counted(len(changes) - dropped, 'label')} changed, {counted(dropped, 'sample')} dropped"
    )


def _lines(
    file: Path, of_line: dict[int, list[Decision]], known: dict[Label, Suspect]
) -> Iterator[tuple[bytes, list[Change]]]:
    """The lines of the corrected file, each with its changes."""
    for line in iter_lines(file):
        due = of_line.pop(line.number, [])
        if all(each.action == "keep" for each in due):
            yield line.raw.rstrip(b"\r\n") + b"\n", []
            continue
        record, changes = _corrected(file, line.raw, due, known)
        yield b"" if record is None else to_json(record).encode() + b"\n", changes
    if of_line:
        raise DataError(f"{file}: has no sample in line {min(of_line)}, on which was decided")


def _corrected(
    file: Path, raw: bytes, due: Sequence[Decision], known: dict[Label, Suspect]
) -> tuple[Record | None, list[Change]]:
    """The corrected record, None if it is dropped, and its changes."""
    where = f"{file}, line {due[0].line}"
    try:
        parse_sample(raw)
    except ValueError as error:
        raise DataError(f"{where}: {explain(error)[0]}") from None
    record: Record = json.loads(raw)
    dropped = [each for each in due if each.action == "drop"]
    if dropped:
        first = dropped[0]
        return None, [Change(*first.label, "drop", record, None)]
    changes = list(_change(record, due, known))
    try:
        parse_sample(json.dumps(record).encode())
    except ValueError as error:
        raise DataError(f"{where}: is no sample any more: {explain(error)[0]}") from None
    return record, changes


def _change(
    record: Record, due: Sequence[Decision], known: dict[Label, Suspect]
) -> Iterator[Change]:
    """Change a record in place: first decision and tool, then values."""
    for each in sorted(due, key=lambda each: KINDS.index(each.kind)):
        if each.action == "keep":
            continue
        value = each.value if each.action == "edit" else _models(known[each.label])
        before = _label(record, each)
        _set(record, each, value)
        yield Change(*each.label, each.action, before, _label(record, each))


def _models(suspect: Suspect) -> Any:
    """The model's label, as the value of an edit."""
    is_call = suspect.kind == "tool" or suspect.predicted == "tool_call"
    return suspect.call if is_call else suspect.predicted


def _label(record: Record, decision: Decision) -> Any:
    if decision.kind == "slot":
        return record["slots"].get(decision.field, "")
    if decision.kind == "argument":
        return flatten((record.get("tool") or {}).get("arguments", {})).get(decision.field, "")
    return record.get("tool") or record["decision"]


def _set(record: Record, decision: Decision, value: Any) -> None:
    if decision.kind == "slot":
        if decision.field not in record["slots"]:
            hint = did_you_mean(decision.field, list(record["slots"]))
            raise DataError(f"{_named(decision.label)}: the sample has no such slot{hint}")
        record["slots"][decision.field] = value
    elif decision.kind == "argument":
        call = record.get("tool") or {}
        if not call:
            raise DataError(f"{_named(decision.label)}: the sample is no call")
        arguments = flatten(call.get("arguments", {}))
        if value in ("", None):
            arguments.pop(decision.field, None)
        else:
            arguments[decision.field] = value
        try:
            call["arguments"] = unflatten(arguments)
        except ValueError as error:
            raise DataError(f"{_named(decision.label)}: {error}") from None
    elif value == "direct_answer":
        record |= {"decision": "direct_answer", "tool": {}}
    elif isinstance(value, dict):
        record |= {"decision": "tool_call", "tool": value, "content": ""}
    else:
        raise DataError(
            f"{_named(decision.label)}: expected direct_answer or a call {{name, arguments}}, "
            f"not {value!r}"
        )


def _named(label: Label) -> str:
    line, kind, field = label
    return f"line {line}, {kind}{f' {field}' if field else ''}"
