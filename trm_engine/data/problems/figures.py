"""Figures: the overview of a data file. Each figure knows the samples behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from trm_engine.data.problems.kind import Table
from trm_engine.data.problems.reading import Reading
from trm_engine.data.problems.scripts import SCRIPTS
from trm_engine.data.samples import DECISIONS
from trm_engine.data.stats import share
from trm_engine.vocabulary import ROLES

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


def script_counts(reading: Reading) -> dict[str, int]:
    """Samples by the script of their last user turn, most first."""
    counts = np.bincount(reading.columns["script"], minlength=len(SCRIPTS)).tolist()
    named = sorted(zip(SCRIPTS, counts, strict=True), key=lambda item: -item[1])
    return {name: count for name, count in named if count}


def _whole(reading: Reading) -> Iterator[Figure]:
    size = len(reading)
    dialogues = np.asarray(reading.columns["dialogue"])
    first = np.unique(dialogues)
    yield _figure("Samples", "samples", np.arange(size), size)
    mean = (f"{size / max(1, len(first)):.1f} samples each",)
    yield Figure("Samples", "conversations", len(first), None, lambda: Table.of(first, ""), mean)


def _decisions(reading: Reading) -> Iterator[Figure]:
    roles, decisions = (np.asarray(reading.columns[name]) for name in ("role", "decision"))
    for role, role_name in enumerate(ROLES):
        for decision, decision_name in enumerate(DECISIONS):
            rows = np.flatnonzero((roles == role) & (decisions == decision))
            if len(rows):
                name = f"{decision_name} after {role_name}"
                yield _figure("Decisions", name, rows, len(reading))


def _tools(reading: Reading) -> Iterator[Figure]:
    tools = np.asarray(reading.columns["tool"])
    counts = np.bincount(tools[tools >= 0], minlength=len(reading.tools))
    for code in np.argsort(-counts, kind="stable").tolist():
        rows = np.flatnonzero(tools == code)
        yield _figure("Tools called", reading.tools[code], rows, int(counts.sum()))
    never = reading.tables["never-called"]
    for code, note in enumerate(never.notes):
        rows = never.rows[never.codes == code]
        name = note.removesuffix(" is offered and never called")
        more = (f"offered by {never.counts[note]:,} samples",)
        yield Figure("Tools called", name, 0, 0.0, _of(rows, note), more)


def _fields(reading: Reading, kind: str, section: str) -> Iterator[Figure]:
    """The fields of a kind, with how their values are said."""
    rows, fields, places = (np.asarray(reading.values[name]) for name in ("row", "field", "place"))
    whole = len(reading) if kind == "slot" else int((reading.columns["tool"] >= 0).sum())
    order = np.argsort(fields, kind="stable")
    bounds = np.searchsorted(fields[order], np.arange(len(reading.fields) + 1))
    for code, (own_kind, name) in enumerate(reading.fields):
        if own_kind != kind:
            continue
        mine = np.sort(order[bounds[code] : bounds[code + 1]])
        counts = np.bincount(places[mine], minlength=len(SAID)).tolist()
        said = (share(count, len(mine)) or 0.0 for count in counts)
        words = (f"{word} {part:.0%}" for word, part in zip(SHORT, said, strict=True) if part)
        more = tuple(filter(None, (*words, reading.types[f"{kind} {name}"])))
        samples = _placed(rows[mine], places[mine])
        yield Figure(section, name, len(mine), share(len(mine), whole), samples, more)


SHORT = ("user", "said", "tool turn", "nowhere")


def _tokens(reading: Reading, max_length: int) -> Iterator[Figure]:
    tokens = np.asarray(reading.columns["tokens"])
    borders = [max_length // 4, max_length // 2, max_length]
    bounds = zip([0, *borders], [*borders, None], strict=True)
    for least, most in bounds:
        fits = (tokens > least) & (tokens <= most if most else True)
        name = f"{least + 1:,} to {most:,} tokens" if most else f"more than {least:,} tokens"
        more = () if most else ("over max_length: cut off",)
        yield _figure("Lengths", name, np.flatnonzero(fits), len(reading), more)


def _turns(reading: Reading) -> Iterator[Figure]:
    turns = np.asarray(reading.columns["turns"])
    for place, least in enumerate(TURN_BORDERS):
        most = TURN_BORDERS[place + 1] - 1 if place + 1 < len(TURN_BORDERS) else None
        rows = np.flatnonzero((turns >= least) & (turns <= most if most else True))
        if not len(rows):
            continue
        name = f"{least} or more turns" if most is None else f"{least} to {most} turns"
        name = ("1 turn" if least == 1 else f"{least} turns") if most == least else name
        yield _figure("Lengths", name, rows, len(reading))


def _scripts(reading: Reading) -> Iterator[Figure]:
    scripts = np.asarray(reading.columns["script"])
    for name, count in script_counts(reading).items():
        rows = np.flatnonzero(scripts == SCRIPTS.index(name))
        yield Figure(
            "Writing of the last user turn", name, count, share(count, len(reading)), _of(rows, "")
        )


def _figure(
    section: str, name: str, rows: np.ndarray, whole: int, more: tuple[str, ...] = ()
) -> Figure:
    return Figure(section, name, len(rows), share(len(rows), whole), _of(rows, ""), more)


def _of(rows: np.ndarray, note: str) -> Callable[[], Table]:
    return lambda: Table.of(rows, note)


def _placed(rows: np.ndarray, places: np.ndarray) -> Callable[[], Table]:
    def samples() -> Table:
        parts = (Table.of(rows[places == place], note) for place, note in enumerate(SAID))
        return Table.joined(parts)

    return samples
