"""Review: the suspects of a search, with what was decided on each. Decisions are kept at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from trm_engine.data.values import value_text
from trm_engine.errors import DataError
from trm_engine.files import strict_json
from trm_engine.files.jsonl import append, to_json, to_line
from trm_engine.label_errors.corrections import (
    Action,
    Change,
    Decision,
    Label,
    apply_decisions,
    in_force,
    log_of,
    read_decisions,
    refuse_misfits,
)
from trm_engine.label_errors.suspect import RESULT, Suspect, read_suspects

DECISIONS = "decisions.jsonl"
"""The decisions of a review, in the folder of the search. ``data correct`` reads them too."""

ANSWER = "direct_answer"


class Review:
    """Decides on the suspects of a search in a file.

    Each decision is appended to ``decisions.jsonl`` before it counts, so none is lost.

    Raises:
        DataError: there is no finished search, or its decisions cannot be read.
    """

    def __init__(self, file: Path, folder: Path) -> None:
        self.file = file
        self.suspects = read_suspects(folder / RESULT)
        self._known = {label_of(each): each for each in self.suspects}
        self._path = folder / DECISIONS
        self._decisions = read_decisions(self._path) if self._path.exists() else []
        self._refresh()

    def decision(self, suspect: Suspect) -> Decision | None:
        """The decision on a suspect; on another label of its sample if that drops the sample."""
        return self._in_force.get(label_of(suspect)) or self._dropped.get(suspect.line)

    def decided(self) -> int:
        """The number of suspects with a decision of their own."""
        return len(self._in_force.keys() & self._known.keys())

    def decide(self, suspect: Suspect, action: Action, raw: bytes, value: Any = None) -> None:
        """Decide on a suspect. ``raw`` is the line of its sample, ``value`` that of an edit.

        To decide the same again, or to undo nothing, changes nothing.

        Raises:
            DataError: the decision does not fit the sample, or cannot be written.
        """
        decision = Decision(suspect.line, suspect.kind, action, suspect.field, value)
        before = self._in_force.get(label_of(suspect))
        if decision == before or (action == "undo" and before is None):
            return
        decisions = in_force([*self._decisions, decision])
        due = [each for each in decisions.values() if each.line == suspect.line]
        refuse_misfits(self.file, raw, due, self._known)
        try:
            append(self._path, to_line(msgspec.to_builtins(decision)))
        except OSError as error:
            raise DataError(f"{self._path}: cannot be written: {error.strerror}") from None
        self._decisions.append(decision)
        self._refresh()

    def write(self, out: Path) -> list[Change]:
        """Write the corrected file, and beside it the log of its changes.

        Raises:
            DataError: a decision does not fit the file, or a file cannot be written.
        """
        return apply_decisions(self.file, self.suspects, self._decisions, out, log_of(out))

    def _refresh(self) -> None:
        self._in_force = in_force(self._decisions)
        drops = (each for each in self._in_force.values() if each.action == "drop")
        self._dropped = {each.line: each for each in drops}


def label_of(suspect: Suspect) -> Label:
    """What tells a suspect's label from all others."""
    return suspect.line, suspect.kind, suspect.field


def as_text(suspect: Suspect, decision: Decision | None, record: dict[str, Any]) -> str:
    """The value to begin an edit with: that of the last edit, or the label."""
    if decision and decision.action == "edit":
        value = decision.value
    elif suspect.kind in ("decision", "tool"):
        value = record.get("tool") or ANSWER
    else:
        value = suspect.given
    return to_json(value) if isinstance(value, dict) else value_text(value)


def as_value(suspect: Suspect, text: str) -> Any:
    """The value that was typed for a suspect.

    A decision or tool is "direct_answer" or a call as JSON. Other values are JSON where the label
    or the model's is a number, truth value, list or object, and text elsewhere.

    Raises:
        ValueError: it is no such value.
    """
    text = text.strip()
    if suspect.kind in ("decision", "tool"):
        return text if text == ANSWER else _call(text)
    known = [each for each in (suspect.given, suspect.predicted) if each not in ("", None)]
    if not text or all(isinstance(each, str) for each in known):
        return text
    try:
        return strict_json.parse(text)
    except ValueError:
        if any(isinstance(each, str) for each in known):
            return text
        raise ValueError(f"expected a value such as {value_text(known[0])}") from None


def _call(text: str) -> dict[str, Any]:
    expected = 'expected direct_answer or a call {"name": …, "arguments": {…}}'
    try:
        value = strict_json.parse(text)
    except ValueError as error:
        raise ValueError(f"{expected}: {error}") from None
    if not isinstance(value, dict):
        raise ValueError(expected)
    return value
