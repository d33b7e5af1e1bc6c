"""DataView: a data file with its figures and its problems, and the samples behind each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trm_engine.data.as_samples import NO_OPTIONS, ConvertOptions, has_samples
from trm_engine.data.cache import default_cache_dir
from trm_engine.data.problems import copies, cut, too_long, wrong_labels
from trm_engine.data.problems.figures import script_counts
from trm_engine.data.problems.kind import COSTS, Kind, Table
from trm_engine.data.problems.kinds import BY_NAME, KINDS
from trm_engine.data.problems.lengths import Lengths
from trm_engine.data.problems.minhash import MISSING, is_available
from trm_engine.data.problems.near import are_known, pairs_across, pairs_within
from trm_engine.data.problems.reading import (
    Progress,
    Reading,
    file_key,
    no_progress,
    reading_of,
)
from trm_engine.data.stats import percentiles
from trm_engine.data.survey import split_dialogues
from trm_engine.data.tokenizer import TRMTokenizer
from trm_engine.wording import counted


@dataclass(frozen=True)
class ViewOptions:
    """What a file is seen against.

    Attributes:
        against: another file, on the other side of the split.
        tokenizer: SentencePiece model that counts tokens; None estimates them.
        max_length: tokens of a conversation that the model reads.
        max_tool_tokens: tokens of a tool turn; None for no limit.
        val_split: share of the file that training holds out; 0 for none.
        seed: seed of that split.
        cache: folder of the index.
        errors: folder of a search for label errors; by default that of this file, if there is one.
        convert: how conversations become samples.
    """

    against: Path | None = None
    tokenizer: Path | None = None
    max_length: int = 2048
    max_tool_tokens: int | None = None
    val_split: float = 0.1
    seed: int = 0
    cache: Path | None = None
    errors: Path | None = None
    convert: ConvertOptions = NO_OPTIONS


@dataclass(frozen=True)
class FoundProblem:
    """A kind of problem with its samples.

    ``partners_in``: whether partners are samples of the "file" or of the "other" one.
    """

    kind: Kind
    table: Table
    partners_in: str = "file"

    @property
    def samples(self) -> int:
        """How many samples have it."""
        return self.table.samples


@dataclass(frozen=True)
class DataView:
    """A file, opened.

    ``problems``: those that it has, most costly first. ``notes``: what was not looked for.
    ``errors``: folder of the search for label errors that is shown.
    """

    file: Reading
    other: Reading | None
    options: ViewOptions
    problems: list[FoundProblem]
    notes: list[str]
    errors: Path | None = None

    def to_dict(self) -> dict[str, Any]:
        """All of it, as ``data view --json`` prints it."""
        lines = self.file.columns["line"]
        return {
            "file": str(self.file.path),
            "against": str(self.other.path) if self.other else None,
            **self.file.statistics,
            "lengths": {
                **self.file.statistics["lengths"],
                "tokens": percentiles(self.file.columns["tokens"]),
            },
            "scripts": script_counts(self.file),
            "bad_lines": self.file.bad_lines,
            "max_length": self.options.max_length,
            "tokens": self.file.length_method,
            "notes": self.notes,
            "problems": [
                {
                    "kind": each.kind.name,
                    "title": each.kind.title,
                    "cost": each.kind.cost,
                    "samples": each.samples,
                    "explanation": each.kind.explanation,
                    "repair": each.kind.repair,
                    "found": each.table.note_counts(),
                    "lines": np.asarray(lines)[np.unique(each.table.rows)].tolist(),
                    "partners": list(self._partners(each)),
                }
                for each in self.problems
            ],
        }

    def partner_lines(self, problem: FoundProblem) -> np.ndarray:
        """The line [M] of the partner of each sample of a problem; 0 if it has none."""
        reading = self.other if problem.partners_in == "other" else self.file
        partners = problem.table.partners
        assert reading is not None
        return np.where(partners >= 0, np.asarray(reading.columns["line"])[partners], 0)

    def _partners(self, problem: FoundProblem) -> Iterator[dict[str, Any]]:
        table = problem.table
        own = np.asarray(self.file.columns["line"])[table.rows]
        theirs = self.partner_lines(problem)
        for line, partner, share in zip(
            own.tolist(), theirs.tolist(), table.shares.tolist(), strict=True
        ):
            if partner:
                yield {
                    "line": line,
                    "partner": partner,
                    "in": str((self.other if problem.partners_in == "other" else self.file).path),  # type: ignore[union-attr]
                    "alike": round(share, 3),
                }


def open_view(path: str | Path, options: ViewOptions, progress: Progress = no_progress) -> DataView:
    """Open a file. What was read before is taken from the cache.

    Raises:
        DataError: a file is missing, cannot be read, or has no sample.
        TokenizerError: the tokenizer cannot be used.
    """
    cache, lengths = _tools_of(options)

    def read(each: str | Path) -> Reading:
        return reading_of(each, cache, lengths, progress, options.convert)

    file, other = read(path), read(options.against) if options.against else None
    given = options.errors
    errors, searched = (given, list[str]()) if given else wrong_labels.own_search(file)
    found = [
        *_of_file(file, options, errors),
        *_of_split(file, other, options, cache, progress),
    ]
    present = [each for each in found if each.samples]
    order = [kind.name for kind in KINDS]
    present.sort(key=lambda each: (COSTS.index(each.kind.cost), order.index(each.kind.name)))
    return DataView(file, other, options, present, _notes(file, options) + searched, errors)


def is_indexed(path: str | Path, options: ViewOptions) -> bool:
    """Whether ``open_view`` finds all in the cache.

    Raises:
        DataError: a file is missing or cannot be read.
    """
    cache, lengths = _tools_of(options)
    files = [Path(each) for each in (path, options.against) if each]
    if not all(map(has_samples, files)):
        return False  # it is not known whether a converted copy is there
    keys = [file_key(each, lengths) for each in files]
    folders_are_there = all((cache / f"view-{key}").exists() for key in keys)
    compared = [keys[:1], keys] if is_available() else []
    return folders_are_there and all(are_known(each, cache) for each in compared)


def _tools_of(options: ViewOptions) -> tuple[Path, Lengths]:
    """The cache, and what counts tokens."""
    tokenizer = TRMTokenizer(options.tokenizer) if options.tokenizer else None
    return options.cache or default_cache_dir(), Lengths(tokenizer)


def _of_file(file: Reading, options: ViewOptions, errors: Path | None) -> Iterator[FoundProblem]:
    for name, table in file.tables.items():
        yield FoundProblem(BY_NAME[name], table)
    tokens, tool_tokens = file.columns["tokens"], file.columns["tool_tokens"]
    limits = (options.max_length, options.max_tool_tokens)
    yield FoundProblem(too_long.KIND, too_long.find(tokens, tool_tokens, *limits))
    if errors:
        yield FoundProblem(wrong_labels.KIND, wrong_labels.find(file, errors))


def _of_split(
    file: Reading, other: Reading | None, options: ViewOptions, cache: Path, progress: Progress
) -> Iterator[FoundProblem]:
    """Near copies, and what stands on both sides of the split."""
    if other:
        heads = (np.asarray(each.columns["head"]) for each in (file, other))
        yield FoundProblem(cut.ACROSS, cut.shared(*heads), "other")
    if not is_available():
        return
    near = pairs_within(file, cache, progress)
    if other:
        across = _first_of_each(pairs_across(file, other, cache, progress))
        yield FoundProblem(copies.ACROSS, _alike(across), "other")
    elif options.val_split:
        is_held_out = held_out(file, options)
        is_across = is_held_out[near["rows"]] & ~is_held_out[near["partners"]]
        across = _first_of_each({name: column[is_across] for name, column in near.items()})
        yield FoundProblem(copies.ACROSS, _alike(across))
    yield FoundProblem(copies.WITHIN, _alike(_first_of_each(near)))


def held_out(file: Reading, options: ViewOptions) -> np.ndarray:
    """Whether training would hold out each sample, [N]."""
    marks = np.zeros(len(file), bool)
    dialogues = np.asarray(file.columns["dialogue"])
    marks[split_dialogues(dialogues, options.val_split, options.seed)[1]] = True
    return marks


def _first_of_each(pairs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The most alike partner of each row."""
    _, first = np.unique(pairs["rows"], return_index=True)
    return {name: np.asarray(column)[first] for name, column in pairs.items()}


def _alike(pairs: dict[str, np.ndarray]) -> Table:
    """Near copies, the most alike first."""
    order = np.lexsort((pairs["rows"], -pairs["shares"]))
    rows, partners, shares = (pairs[name][order] for name in ("rows", "partners", "shares"))
    bounds = ((1.0, 2.0, "the same words"), (0.9, 1.0, "at least 90 % of the words are equal"),
              (0.0, 0.9, "at least 70 % of the words are equal"))  # fmt: skip
    tables = []
    for least, most, note in bounds:
        fits = (shares >= least) & (shares < most)
        tables.append(Table.of(rows[fits], note, partners[fits], shares[fits]))
    return Table.joined(tables)


def _notes(file: Reading, options: ViewOptions) -> list[str]:
    method = file.length_method
    notes = [f"Tokens are {method}."]
    if file.lines != file.path:
        notes.append(f"{file.path.name} was converted; line numbers count its samples.")
    if file.bad_lines:
        notes.append(
            f"Left out {counted(file.bad_lines, 'line')} without a sample; "
            f"`trm-tui data check` lists all. First: {file.first_bad}"
        )
    if not is_available():
        notes.append(MISSING[0].upper() + MISSING[1:] + ".")
    return notes
