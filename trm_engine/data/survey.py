"""Survey: the first pass over a data file, which checks it and finds labels and dialogues."""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from trm_engine.data.as_samples import NO_OPTIONS, ConvertOptions, samples_file
from trm_engine.data.cache import (
    ArrayWriter,
    build_once,
    code_hash,
    content_hash,
    is_whole,
    key_of,
    read_arrays,
    short,
)
from trm_engine.data.label_builder import LabelBuilder, Nowhere
from trm_engine.data.labels import Labels
from trm_engine.data.problems.cheap import CheapProblems
from trm_engine.data.sample_reader import Problem, SampleReader
from trm_engine.data.samples import Sample, parse_sample
from trm_engine.errors import DataError

LABELS_CODE = (
    *("labels", "label_builder", "field", "declared", "catalogue"),
    *("spans", "values", "borders"),
)
"""The modules that decide which labels data has and where its values stand."""

READINGS = 3
"""Number of attempts to read a file that changes while it is read."""

SAMPLES_AT_ONCE = 1 << 16

Progress = Callable[[str, float], None]
"""Called with the name of the phase and the share done, 0 to 1."""


def no_progress(what: str, share: float) -> None:
    """Report nothing."""


@dataclass(frozen=True)
class Survey:
    """The content of a data file with N usable samples.

    ``content``: hash of the file's bytes. ``text`` [bytes]: the lines of the samples, so that the
    file is not needed any more. ``ends`` [N]: end of each line in ``text``. ``lines`` [N]: line
    numbers. ``dialogues`` [N]: id of the sample's dialogue. ``digests`` [N]: hash of history and
    answer. ``faults``: number of samples by kind of problem (``data/problems``). ``folder``: where
    the survey is in the cache. ``nowhere``: fields with values that stand nowhere.
    """

    path: Path
    content: str
    labels: Labels
    text: np.ndarray
    ends: np.ndarray
    lines: np.ndarray
    dialogues: np.ndarray
    digests: np.ndarray
    faults: dict[str, int]
    problems: list[Problem]
    folder: Path
    nowhere: list[Nowhere]

    def __reduce__(self) -> tuple[Callable[..., Survey], tuple[Path, str, Path]]:
        """Another process reads it from its folder of the cache."""
        return _read, (self.path, self.content, self.folder)

    def __len__(self) -> int:
        return len(self.ends)

    def raw(self, index: int) -> bytes:
        """The line of a sample, stripped."""
        begin = self.ends[index - 1] if index else 0
        return self.text[begin : self.ends[index]].tobytes()

    def sample(self, index: int) -> Sample:
        """A sample, parsed from its line."""
        return parse_sample(self.raw(index))


class _Changed(Exception):
    """The file changed after its hash was computed."""


def survey_file(
    path: str | Path,
    cache_dir: Path,
    on_error: Literal["fail", "skip"] = "fail",
    progress: Progress = no_progress,
    options: ConvertOptions = NO_OPTIONS,
) -> Survey:
    """Survey a file, or read its survey from the cache. Other formats are converted first.

    Raises:
        DataError: the file is missing, empty, or has bad lines and ``on_error`` is "fail".
    """
    for _ in range(READINGS):
        lines = samples_file(path, cache_dir=cache_dir, progress=progress, options=options)
        content = content_hash(lines)
        folder = _folder(cache_dir, content, on_error)
        reader = SampleReader(path, on_error, options)
        try:
            build_once(folder, partial(_build, reader, content, lines, progress))
        except _Changed:
            continue
        return _read(Path(path), content, folder)
    raise DataError(f"{path}: the file changes while it is read; try again when it is complete")


def earlier_survey(
    path: str | Path, content: str, cache_dir: Path, on_error: Literal["fail", "skip"]
) -> Survey | None:
    """The cached survey of a file with the hash ``content``; None if there is none."""
    folder = _folder(cache_dir, content, on_error)
    return _read(Path(path), content, folder) if is_whole(folder) else None


def _folder(cache_dir: Path, content: str, on_error: Literal["fail", "skip"]) -> Path:
    code = code_hash("survey", "samples", "quick", "problems", *LABELS_CODE)
    return cache_dir / f"survey-{key_of(content, on_error, code)}"


def _read(path: Path, content: str, folder: Path) -> Survey:
    """Read the survey in a folder of the cache."""
    arrays = read_arrays(folder)
    facts = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
    return Survey(
        path=path,
        content=content,
        labels=Labels.from_dict(facts["labels"]),
        text=arrays["text"],
        ends=arrays["ends"],
        lines=arrays["lines"],
        dialogues=arrays["dialogues"],
        digests=arrays["digests"],
        faults=facts["faults"],
        problems=[Problem(str(path), line, message) for line, message in facts["problems"]],
        folder=folder,
        nowhere=[Nowhere(*each) for each in facts["nowhere"]],
    )


def split_dialogues(
    dialogues: np.ndarray, share: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Indices of training and validation samples; no dialogue is in both.

    About ``share`` of the samples are held out. Dialogues are taken in a seeded order; one that
    would exceed the share is skipped. At least one dialogue is left for training.
    """
    names, sizes = np.unique(dialogues, return_counts=True)
    wanted = round(share * len(dialogues))
    held_out: list[int] = []
    for position in np.random.default_rng(seed).permutation(len(names))[1:]:
        if sizes[position] <= wanted:
            held_out.append(names[position])
            wanted -= sizes[position]
        if wanted <= 0:
            break
    is_held_out = np.isin(dialogues, held_out)
    return np.flatnonzero(~is_held_out), np.flatnonzero(is_held_out)


def _build(
    reader: SampleReader, content: str, lines: Path, progress: Progress, folder: Path
) -> None:
    builder = LabelBuilder()
    prefixes = PrefixIndex()
    faults = CheapProblems()
    size = max(1, lines.stat().st_size)
    end = 0
    with ArrayWriter(folder) as arrays:
        for line, sample in reader:
            builder.add(sample)
            prefixes.add(sample)
            faults.add(sample)
            raw = line.raw.strip()
            end += len(raw)
            arrays.append("text", np.frombuffer(raw, dtype=np.uint8))
            arrays.append("ends", np.array([end], dtype=np.int64))
            arrays.append("lines", np.array([line.number], dtype=np.int64))
            arrays.append("digests", np.array([_digest(sample)], dtype=np.uint64))
            progress(f"reading {Path(reader.path).name}", line.offset / size)
        arrays.append("dialogues", prefixes.dialogues())
    if short(reader.digest) != content:
        raise _Changed
    facts: dict[str, Any] = {
        "labels": builder.build().to_dict(),
        "faults": faults.counts(),
        "problems": [(problem.line, problem.message) for problem in reader.problems],
        "nowhere": builder.nowhere(),
    }
    (folder / "facts.json").write_text(json.dumps(facts), encoding="utf-8")


class PrefixIndex:
    """Groups samples into dialogues: one's history continues the other's."""

    def __init__(self) -> None:
        self._own = array("Q")
        self._earlier = array("Q")
        self._counts = array("Q")

    def add(self, sample: Sample) -> None:
        """Add one sample. The order does not matter."""
        hashes = list(_prefix_hashes(sample))
        self._own.append(hashes[-1])
        self._earlier.extend(hashes[:-1])
        self._counts.append(len(hashes) - 1)

    def dialogues(self) -> np.ndarray:
        """[N]: the index of the first sample of each sample's dialogue."""
        known, first, parents = np.unique(
            np.frombuffer(self._own, dtype=np.uint64), return_index=True, return_inverse=True
        )
        parents = first[parents]
        for sample, other in self._continued(known):
            _join(parents, sample, int(first[other]))
        for sample in range(len(parents)):
            parents[sample] = _root(parents, sample)
        return parents

    def _continued(self, known: np.ndarray) -> Iterator[tuple[int, int]]:
        """Samples with the place in ``known`` of the longest history that they continue.

        Some samples at a time, as together their prefixes would need much memory.
        """
        ends = np.cumsum(np.frombuffer(self._counts, dtype=np.uint64)).astype(np.int64)
        earlier = np.frombuffer(self._earlier, dtype=np.uint64)
        for first in range(0, len(ends), SAMPLES_AT_ONCE):
            part = ends[first : first + SAMPLES_AT_ONCE]
            begin = int(ends[first - 1]) if first else 0
            hashes = earlier[begin : part[-1]]
            places = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
            found = np.flatnonzero(known[places] == hashes)
            samples = np.searchsorted(part, found + begin, side="right")
            newest = np.flatnonzero(np.diff(samples, append=-1))  # the longest of each sample
            for sample, place in zip(samples[newest], places[found[newest]], strict=True):
                yield first + int(sample), int(place)


def _prefix_hashes(sample: Sample) -> Iterator[int]:
    """A hash of each prefix of the history, shortest first."""
    if sample.conversation is not None:
        yield _hash(b"name", sample.conversation)
        yield _hash(b"name", sample.conversation)
        return
    digest = b""
    for turn in sample.history:
        digest = hashlib.blake2b(
            digest + turn.role.encode() + b"\0" + turn.text().encode("utf-8", "surrogatepass"),
            digest_size=8,
        ).digest()
        yield int.from_bytes(digest, "little")


def _digest(sample: Sample) -> int:
    """A hash of a sample's input and answer."""
    history = [(turn.role, turn.content) for turn in sample.history]
    tool = sample.tool and sample.tool.to_dict()
    content = json.dumps([history, sample.decision, tool, sample.slots], sort_keys=True)
    return _hash(b"sample", content)


def _hash(kind: bytes, text: str) -> int:
    return int.from_bytes(hashlib.blake2b(kind + text.encode(), digest_size=8).digest(), "little")


def _root(parents: np.ndarray, sample: int) -> int:
    while parents[sample] != sample:
        parents[sample] = parents[parents[sample]]
        sample = int(parents[sample])
    return sample


def _join(parents: np.ndarray, one: int, other: int) -> None:
    one, other = _root(parents, one), _root(parents, other)
    parents[max(one, other)] = min(one, other)
