"""Proof: the same samples through a checkpoint and its export, each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct

from trm_engine.errors import CheckpointError, WorkerError
from trm_engine.exports.folder import MODEL_FILES, TOKENIZER, Kind
from trm_engine.runs import launch

TOLERANCE = 1e-3
"""Exports in full precision give the same probabilities up to this."""

PARTS = ("decision", "tool", "arguments", "slots")


class Side(Struct, frozen=True, kw_only=True):
    """One of two models: share of its answers that are exact (decision, tool, which slots are
    filled), bytes of its files, processor time from a conversation to its answer (median and 95th
    percentile), and memory that its process holds.
    """

    exact: float
    bytes: int
    p50_ms: float
    p95_ms: float
    resident_bytes: int


class Difference(Struct, frozen=True, kw_only=True):
    """A sample whose decision or tool differs; ``line`` counts from 1."""

    line: int
    checkpoint: str
    exported: str


class Proof(Struct, frozen=True, kw_only=True):
    """How the answers of an export compare with those of its checkpoint.

    Attributes:
        kind: the format of the export.
        data: the name of the file of samples.
        samples: how many.
        largest_difference: of two probabilities, over all samples and supervision steps.
        differing: the number of samples whose decision, tool, arguments or slots differ.
        differences: every decision and tool that differs.
        checkpoint, exported: what each costs, on one thread, one conversation at a time.
    """

    kind: Kind
    data: str
    samples: int
    largest_difference: float
    differing: dict[str, int]
    differences: list[Difference]
    checkpoint: Side
    exported: Side

    @property
    def holds(self) -> bool:
        """Whether the probabilities are the same; of an export in int8 it is not asked."""
        return self.kind == "onnx-int8" or self.largest_difference <= TOLERANCE


class _Measured(Struct):
    side: Side
    probabilities: np.ndarray
    answers: list[dict[str, Any]]


def prove(
    checkpoint: Path,
    exported: Path,
    kind: Kind,
    samples: Path,
    data: str,
    raw: bool = False,
    tell: Callable[[str], None] = lambda what: None,
) -> Proof:
    """Compare a checkpoint with the export of it in a folder.

    Args:
        samples: a file of samples, one a line.
        data: the name of what they come from.
        raw: use the raw weights of the checkpoint.
        tell: told what is done next.

    Raises:
        CheckpointError: there are no samples.
        WorkerError: one of the two ended without a result.
    """
    files = [exported / name for name in (*MODEL_FILES[kind], TOKENIZER)]
    with tempfile.TemporaryDirectory() as place:
        out = Path(place)
        tell("answering with the checkpoint")
        one = _measured(checkpoint, samples, out / "one", [checkpoint], raw)
        tell("answering with the export")
        other = _measured(files[0], samples, out / "other", files)
    return compared(kind, data, one, other)


def compared(kind: Kind, data: str, one: _Measured, other: _Measured) -> Proof:
    """The proof that two measurements give."""
    pairs = [*zip(one.answers, other.answers, strict=True)]
    if one.probabilities.shape != other.probabilities.shape:
        raise WorkerError("the export has probabilities of other things than the checkpoint")
    gaps = np.abs(one.probabilities - other.probabilities)
    return Proof(
        kind=kind,
        data=data,
        samples=len(pairs),
        largest_difference=float(gaps.max(initial=0.0)),
        differing={part: sum(a[part] != b[part] for a, b in pairs) for part in PARTS},
        differences=[*_differences(pairs)],
        checkpoint=one.side,
        exported=other.side,
    )


def _differences(pairs: list[tuple[dict[str, Any], dict[str, Any]]]) -> Iterator[Difference]:
    for line, (one, other) in enumerate(pairs, 1):
        said, other_said = (each["tool"] or "direct_answer" for each in (one, other))
        if said != other_said:
            yield Difference(line=line, checkpoint=said, exported=other_said)


def _measured(
    model: Path, samples: Path, out: Path, files: list[Path], raw: bool = False
) -> _Measured:
    """What a fresh process finds."""
    given = [*(["--raw"] * raw), "--", str(model), str(samples), str(out)]
    with tempfile.TemporaryFile() as log:
        worker = launch.start_inference("measure", *given, stdin=subprocess.DEVNULL, stderr=log)
        if worker.wait():
            log.seek(0)
            details = log.read().decode(errors="replace").strip()
            raise WorkerError(f"{model}: could not be measured", details)
    with np.load(f"{out}.npz") as found:
        times = found["milliseconds"]
        if not len(times):
            raise CheckpointError(f"{samples}: no samples to compare the export on")
        p50, p95 = np.percentile(times, [50, 95]).round(2).tolist()
        answers = json.loads(Path(f"{out}.json").read_text(encoding="utf-8"))
        side = Side(
            exact=sum(each["exact"] for each in answers) / len(answers),
            bytes=sum(file.stat().st_size for file in files),
            p50_ms=p50,
            p95_ms=p95,
            resident_bytes=int(found["resident"]),
        )
        return _Measured(side, found["probabilities"], answers)
