"""Figures: the overview of a data file. Each figure knows the samples behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from trm_engine.data.problems.kind import Table
from trm_engine.data.problems.reading import Reading
from trm_engine.data.problems.scripts import SCRIPTS
from trm_engine.data.samples import DECISIONS
from trm_engine.data.stats import share
from trm_engine.data.values import shown_path
from trm_engine.vocabulary import ROLES
from trm_engine.wording import counted

SAID = ("by the user", "by another speaker", "in a tool turn", "nowhere")
"""Notes for the places of ``stats.PLACES``."""

TURN_BORDERS = (1, 2, 4, 8, 16, 32)


@dataclass(frozen=True)
class Figure:
    """One figure: ``count`` samples, or values of a field, as a ``share`` of all.

    ``more``: facts in words. ``samples``: the samples behind it.
    """

    section: str
    name: str
    count: int
    share: float | None
    samples: Callable[[], Table]
    more: tuple[str, ...] = ()


def figures_of(reading: Reading, max_length: int) -> list[Figure]:
    """All figures, section by section."""
    return [
        *_whole(reading),
        *_decisions(reading),
        *_tools(reading),
        *_fields(reading, "argument", "Arguments"),
        *_fields(reading, "slot", "Slots"),
        *_tokens(reading, max_length),
        *_turns(reading),
        *_scripts(reading),
    ]


def first_of_conversations(reading: Reading) -> np.ndarray:
    """The first sample of each conversation."""
    dialogues = np.asarray(reading.columns["dialogue"])
    return np.flatnonzero(dialogues == np.arange(len(dialogues)))


def script_counts(reading: Reading) -> dict[str, int]:
    """Samples by the script of their last user turn, most first."""
    counts = np.bincount(reading.columns["script"], minlength=len(SCRIPTS)).tolist()
    named = sorted(zip(SCRIPTS, counts, strict=True), key=lambda item: -item[1])
    return {name: count for name, count in named if count}


def _whole(reading: Reading) -> Iterator[Figure]:
    size = len(reading)
    yield Figure("Samples", "all", size, 1.0, lambda: Table.of(np.arange(size), ""))
    first = first_of_conversations(reading)
    mean = (f"{size / max(1, len(first)):.1f} samples each",)
    yield Figure("Samples", "conversations", len(first), None, lambda: Table.of(first, ""), mean)


def _decisions(reading: Reading) -> Iterator[Figure]:
    roles, decisions = (np.asarray(reading.columns[name]) for name in ("role", "decision"))
    codes = roles * len(DECISIONS) + decisions
    names = [f"{decision} after {role}" for role in ROLES for decision in DECISIONS]
    for code, count in enumerate(np.bincount(codes, minlength=len(names)).tolist()):
        if count:
            yield _figure("Decisions", names[code], count, len(reading), codes, code)


def _tools(reading: Reading) -> Iterator[Figure]:
    tools = np.asarray(reading.columns["tool"])
    counts = np.bincount(tools[tools >= 0], minlength=len(reading.tools))
    for code in np.argsort(-counts, kind="stable").tolist():
        count, calls = int(counts[code]), int(counts.sum())
        yield _figure("Tools called", reading.tools[code], count, calls, tools, code)
    never = reading.tables["never-called"]
    for code, note in enumerate(never.notes):
        rows = never.rows[never.codes == code]
        name = note.removesuffix(" is offered and never called")
        more = (f"offered by {counted(never.counts[note], 'sample')}",)
        yield Figure("Tools called", name, 0, 0.0, _of(rows, note), more)


def _fields(reading: Reading, kind: str, section: str) -> Iterator[Figure]:
    """The fields of a kind, with how their values are said."""
    fields, places = (np.asarray(reading.values[name]) for name in ("field", "place"))
    whole = len(reading) if kind == "slot" else int((reading.columns["tool"] >= 0).sum())
    size = len(reading.fields) * len(SAID)
    counts = np.bincount(fields * len(SAID) + places, minlength=size).reshape(-1, len(SAID))
    for code, (own_kind, name) in enumerate(reading.fields):
        if own_kind != kind:
            continue
        filled = int(counts[code].sum())
        said = (share(count, filled) or 0.0 for count in counts[code].tolist())
        words = (f"{word} {part:.0%}" for word, part in zip(SHORT, said, strict=True) if part)
        more = tuple(filter(None, (*words, reading.types[f"{kind} {name}"])))
        samples = partial(_placed, reading, code)
        shown = shown_path(name) if kind == "argument" else name
        yield Figure(section, shown, filled, share(filled, whole), samples, more)


SHORT = ("user", "said", "tool turn", "nowhere")


def _tokens(reading: Reading, max_length: int) -> Iterator[Figure]:
    tokens = np.asarray(reading.columns["tokens"])
    borders = [max_length // 4, max_length // 2, max_length]
    codes = np.searchsorted(borders, tokens, side="left")
    counts = np.bincount(codes, minlength=len(borders) + 1).tolist()
    for code, count in enumerate(counts):
        least, most = ([0, *borders][code], [*borders, None][code])
        name = f"{least + 1:,} to {most:,} tokens" if most else f"more than {least:,} tokens"
        more = () if most else ("over max_length: cut off",)
        yield _figure("Lengths", name, count, len(reading), codes, code, more)


def _turns(reading: Reading) -> Iterator[Figure]:
    turns = np.asarray(reading.columns["turns"])
    codes = np.searchsorted(TURN_BORDERS, turns, side="right") - 1
    for code, count in enumerate(np.bincount(codes, minlength=len(TURN_BORDERS)).tolist()):
        if not count:
            continue
        least = TURN_BORDERS[code]
        most = TURN_BORDERS[code + 1] - 1 if code + 1 < len(TURN_BORDERS) else None
        name = f"{least} or more turns" if most is None else f"{least} to {most} turns"
        name = counted(least, "turn") if most == least else name
        yield _figure("Lengths", name, count, len(reading), codes, code)


def _scripts(reading: Reading) -> Iterator[Figure]:
    scripts = np.asarray(reading.columns["script"])
    for name, count in script_counts(reading).items():
        code = SCRIPTS.index(name)
        yield _figure("Script of the last user turn", name, count, len(reading), scripts, code)


def _figure(
    section: str,
    name: str,
    count: int,
    whole: int,
    codes: np.ndarray,
    code: int,
    more: tuple[str, ...] = (),
) -> Figure:
    """A figure of the samples with a code. They are looked for when they are asked for."""

    def samples() -> Table:
        return Table.of(np.flatnonzero(codes == code), "")

    return Figure(section, name, count, share(count, whole), samples, more)


def _of(rows: np.ndarray, note: str) -> Callable[[], Table]:
    return lambda: Table.of(rows, note)


def _placed(reading: Reading, field: int) -> Table:
    """The samples in which a field is filled, by how its value is said."""
    mine = np.flatnonzero(np.asarray(reading.values["field"]) == field)
    rows, places = (np.asarray(reading.values[name])[mine] for name in ("row", "place"))
    return Table.joined(Table.of(rows[places == place], note) for place, note in enumerate(SAID))
