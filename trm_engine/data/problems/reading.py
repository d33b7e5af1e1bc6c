"""Reading: one pass over a data file, whose result is kept in the user's cache.

It holds line offsets, hashes and small columns of a million samples, never their text.
"""

from __future__ import annotations

import hashlib
import json
import os
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trm_engine.data.as_samples import NO_OPTIONS, ConvertOptions, samples_file
from trm_engine.data.cache import ArrayWriter, build_once, code_hash, is_whole, key_of, read_arrays
from trm_engine.data.field import Field
from trm_engine.data.label_builder import LabelBuilder
from trm_engine.data.problems import constant, cut, nowhere
from trm_engine.data.problems.kind import Detector, Found, Table
from trm_engine.data.problems.lengths import Lengths
from trm_engine.data.problems.minhash import Signer, is_available
from trm_engine.data.problems.schema import Schema
from trm_engine.data.problems.scripts import script_of
from trm_engine.data.problems.tools import NeverCalled, NotOffered
from trm_engine.data.problems.two_labels import TwoLabels
from trm_engine.data.problems.words import Said, all_words, compared, said_in
from trm_engine.data.sample_reader import Line, SampleReader
from trm_engine.data.samples import DECISIONS, Sample
from trm_engine.data.stats import SeenValue, Statistics
from trm_engine.data.survey import LABELS_CODE
from trm_engine.errors import DataError, no_such_file
from trm_engine.vocabulary import ROLES

ROW_CODE = ("samples", "quick", "stats", "problems", "survey", "tokenizer", *LABELS_CODE)
BATCH = 4096
NOWHERE = 3
HEAD_TURNS = 2
HEAD_WORDS = 8
"""Different words of the first turns, for two conversations not to begin alike by chance."""

COLUMNS = {
    "offset": np.int64,
    "line": np.int64,
    "role": np.uint8,
    "decision": np.uint8,
    "tool": np.int32,
    "turns": np.int32,
    "characters": np.int32,
    "tokens": np.int32,
    "tool_tokens": np.int32,
    "script": np.uint8,
    "words": np.int32,
    "head": np.uint64,
}

Progress = Callable[[str, float], None]


def no_progress(what: str, share: float) -> None:
    """Report nothing."""


@dataclass(frozen=True)
class Reading:
    """What one pass over a file found, N samples.

    Attributes:
        path: the file, as it was named.
        lines: the file of samples that it stands for: itself, or a converted copy.
        key: names this state of the file in the cache.
        columns: a value of each sample, by name [N]; see ``COLUMNS``. ``dialogue``: index of the
            first sample of its conversation.
        values: each filled value: ``row``, ``field``, ``place`` in ``stats.PLACES`` [V].
        tools: names, for the column ``tool``.
        fields: kind ("slot", "argument") and name, for ``field``.
        types: type of a field's values, by kind and name.
        choices: kinds and names of the fields that are choices among few values.
        statistics: as ``data stats --json`` prints them.
        tables: samples by kind of problem.
        bad_lines: lines that are no samples. They are left out.
        length_method: how tokens were counted.
    """

    path: Path
    lines: Path
    key: str
    columns: dict[str, np.ndarray]
    values: dict[str, np.ndarray]
    tools: list[str]
    fields: list[tuple[str, str]]
    types: dict[str, str]
    choices: frozenset[str]
    statistics: dict[str, Any]
    tables: dict[str, Table]
    bad_lines: int
    first_bad: str
    length_method: str

    def __len__(self) -> int:
        return len(self.columns["offset"])


def reading_of(
    path: str | Path,
    cache: Path,
    lengths: Lengths,
    progress: Progress = no_progress,
    options: ConvertOptions = NO_OPTIONS,
) -> Reading:
    """Read a file of samples, or its index in the cache. Bad lines are left out and counted.

    Raises:
        DataError: the file is missing, cannot be read or has no sample.
    """
    lines = samples_file(path, cache_dir=cache, progress=progress, options=options)
    key = file_key(lines, lengths)
    folder = cache / f"view-{key}"
    reader = SampleReader(path, "skip", options)
    build_once(folder, lambda target: _build(reader, target, cache, key, lengths, progress))
    return _read(Path(path), lines, key, folder)


def signatures_of(reading: Reading, cache: Path) -> np.ndarray:
    """The signatures [N, PERMUTATIONS] of a reading's samples."""
    return read_arrays(signature_folder(cache, reading.key))["signatures"]


def signature_folder(cache: Path, key: str) -> Path:
    """Where the signatures of a file are: beside its index, which opens faster without them."""
    return cache / f"signatures-{key}"


def file_key(path: str | Path, lengths: Lengths) -> str:
    """A key of a file's state. Its bytes are not read: gigabytes would take seconds."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        raise DataError(no_such_file(path, "*.jsonl")) from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    state = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    code = code_hash(*ROW_CODE)
    return key_of(os.path.realpath(path), state, lengths.fingerprint, is_available(), code)


# Building ---------------------------------------------------------------------------------------


def _build(
    reader: SampleReader, target: Path, cache: Path, key: str, lengths: Lengths, progress: Progress
) -> None:
    """Read the file into two folders: ``target``, and the one of the signatures."""
    folder = signature_folder(cache, key)
    if is_available() and not is_whole(folder):
        build_once(folder, lambda other: _read_file(reader, target, other, lengths, progress))
    if not (target / "facts.json").exists():
        _read_file(reader, target, None, lengths, progress)


def _read_file(
    reader: SampleReader, target: Path, other: Path | None, lengths: Lengths, progress: Progress
) -> None:
    lines = samples_file(reader.path, options=reader.options)
    size = max(1, lines.stat().st_size) if lines.is_file() else 1
    if other is None:
        with ArrayWriter(target) as arrays:
            facts = _collect(reader, arrays, None, lengths, size, progress)
    else:
        with ArrayWriter(target) as arrays, ArrayWriter(other) as signatures:
            facts = _collect(reader, arrays, signatures, lengths, size, progress)
    (target / "facts.json").write_text(json.dumps(facts), encoding="utf-8")


def _collect(
    reader: SampleReader,
    arrays: ArrayWriter,
    signatures: ArrayWriter | None,
    lengths: Lengths,
    size: int,
    progress: Progress,
) -> dict[str, Any]:
    collector = Collector(lengths, Signer() if signatures else None)
    name = Path(reader.path).name
    row = 0
    for row, (line, sample) in enumerate(reader):
        collector.add(row, line, sample)
        if row % BATCH == BATCH - 1:
            collector.flush(arrays, signatures)
        if row % 256 == 0:
            progress(f"reading {name}", line.offset / size)
    collector.flush(arrays, signatures)
    facts = collector.finish(arrays)
    facts["bad_lines"] = len({problem.line for problem in reader.problems})
    facts["first_bad"] = str(reader.problems[0]) if reader.problems else ""
    return facts


class Collector:
    """Collects the columns of a reading, a batch at a time, and looks for problems."""

    def __init__(self, lengths: Lengths, signer: Signer | None) -> None:
        self.statistics = Statistics()
        self.labels = LabelBuilder()
        self._lengths = lengths
        self._signer = signer
        self._detectors: list[Detector] = [TwoLabels(), Schema(), NeverCalled(), NotOffered()]
        self._tools: dict[str, int] = {}
        self._fields: dict[tuple[str, str], int] = {}
        self._rows: list[tuple[int, ...]] = []
        self._ends: list[tuple[int, int, int]] = []
        self._heads: list[np.ndarray] = []
        self._values: list[tuple[int, int, int]] = []
        self._signatures: list[np.ndarray] = []
        self._nowhere = array("q"), array("i")

    def add(self, row: int, line: Line, sample: Sample) -> None:
        """Add one sample."""
        self.labels.add(sample)
        for detector in self._detectors:
            detector.add(row, sample)
        for seen in self.statistics.add(sample):
            self._add_value(row, seen)
        said = said_in(sample.history)
        texts = compared(said)
        words = len(all_words(texts))
        if self._signer:
            self._signatures.append(self._signer(texts))
        ends = _ends(said)
        self._ends.append(ends)
        tool = sample.tool.name if sample.tool else None
        self._rows.append(
            (
                line.offset,
                line.number,
                ROLES.index(sample.history[-1].role),
                DECISIONS.index(sample.decision),
                -1 if tool is None else self._tools.setdefault(tool, len(self._tools)),
                len(sample.history),
                self.statistics.characters[-1],
                self._lengths.tokens(sample.history, said),
                self._lengths.tool_tokens(sample.history, said),
                script_of(_last_said(said)),
                words,
                ends[0],
            )
        )

    def _add_value(self, row: int, seen: SeenValue) -> None:
        key = (seen.kind, seen.name)
        field = self._fields.setdefault(key, len(self._fields))
        self._values.append((row, field, seen.place))
        if seen.place == NOWHERE:
            self._nowhere[0].append(row)
            self._nowhere[1].append(field)

    def flush(self, arrays: ArrayWriter, signatures: ArrayWriter | None) -> None:
        """Write what was collected since the last time."""
        for place, (name, kind) in enumerate(COLUMNS.items()):
            arrays.append(name, np.array([row[place] for row in self._rows], kind))
        self._heads.append(np.array(self._ends, np.uint64).reshape(-1, 3))
        values = np.array(self._values, np.int64).reshape(-1, 3)
        arrays.append("values.row", values[:, 0].astype(np.int32))
        arrays.append("values.field", values[:, 1].astype(np.int32))
        arrays.append("values.place", values[:, 2].astype(np.uint8))
        if signatures and self._signatures:
            signatures.append("signatures", np.stack(self._signatures))
        for batch in (self._rows, self._ends, self._values, self._signatures):
            batch.clear()

    def finish(self, arrays: ArrayWriter) -> dict[str, Any]:
        """Write what is known after the last sample, and return the facts."""
        labels = self.labels.build()
        kinds = {
            **{("slot", each.name): each for each in labels.slots},
            **{("argument", each.name): each for each in labels.args},
        }
        dialogues = self.statistics.prefixes.dialogues()
        arrays.append("dialogue", dialogues)
        tables = {detector.kind.name: detector.found() for detector in self._detectors}
        heads = np.concatenate(self._heads) if self._heads else np.empty((0, 3), np.uint64)
        tables["cut"] = cut.pieces(heads[:, 0], heads[:, 1:], dialogues)
        tables["nowhere"] = self._find_nowhere(kinds)
        tables["constant"] = self._find_constant()
        return {
            "tools": list(self._tools),
            "fields": list(self._fields),
            "types": {f"{kind} {name}": _type_text(each) for (kind, name), each in kinds.items()},
            "choices": [key for key, each in kinds.items() if each.kind == "choice"],
            "statistics": self.statistics.to_dict(),
            "tables": {name: table.write(name, arrays) for name, table in tables.items()},
            "length_method": self._lengths.method,
        }

    def _find_nowhere(self, kinds: dict[tuple[str, str], Field]) -> Table:
        """The values that stand nowhere, of fields that are read off the text."""
        names = list(self._fields)
        found = Found()
        for row, place in zip(*self._nowhere, strict=True):
            if kinds[names[place]].kind == "span":
                found.add(row, nowhere.note(*names[place]))
        return found.table()

    def _find_constant(self) -> Table:
        found = Found()
        fields = [
            *(("slot", name, counts) for name, counts in self.labels.slots.items()),
            *(("argument", each.path, counts) for each, counts in self.labels.args.items()),
        ]
        for kind, name, counts in fields:
            if note := constant.fault(kind, name, counts):
                found.count(note, counts.filled or self.statistics.samples)
        return found.table()


def _ends(said: Sequence[Said]) -> tuple[int, int, int]:
    """Hashes of the first turns, the last turns, and those before the last one; 0 for too few."""
    turns = [turn for turn in said if turn[0] != "system"]
    parts = (turns[:HEAD_TURNS], turns[-HEAD_TURNS:], turns[-HEAD_TURNS - 1 : -1])
    hashes = [_hash(part) if len(part) == HEAD_TURNS else 0 for part in parts]
    return hashes[0], hashes[1], hashes[2]


def _hash(turns: Sequence[Said]) -> int:
    """A hash of some turns; 0 if they say little."""
    if len(all_words(text for role, text in turns if role == "user")) < HEAD_WORDS:
        return 0
    joined = "\0".join(f"{role}\1{text}" for role, text in turns)
    digest = hashlib.blake2b(joined.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little") or 1


def _last_said(said: Sequence[Said]) -> str:
    """The user's last turn, or the last turn if there is none."""
    return next((text for role, text in reversed(said) if role == "user"), said[-1][1])


def _type_text(field: Field) -> str:
    if field.kind == "choice":
        return f"{field.json_type}, one of {len(field.values)}"
    return field.json_type


# Opening ----------------------------------------------------------------------------------------


def _read(path: Path, lines: Path, key: str, folder: Path) -> Reading:
    arrays = read_arrays(folder)
    facts = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
    tables = {name: Table.read(name, arrays, each) for name, each in facts["tables"].items()}
    names = (*COLUMNS, "dialogue")
    return Reading(
        path=path,
        lines=lines,
        key=key,
        columns={name: arrays[name] for name in names},
        values={name: arrays[f"values.{name}"] for name in ("row", "field", "place")},
        tools=facts["tools"],
        fields=[(kind, name) for kind, name in facts["fields"]],
        types=facts["types"],
        choices=frozenset(f"{kind} {name}" for kind, name in facts["choices"]),
        statistics=facts["statistics"],
        tables=tables,
        bad_lines=facts["bad_lines"],
        first_bad=facts["first_bad"],
        length_method=facts["length_method"],
    )
