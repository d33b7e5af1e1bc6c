"""Statistics of a model's tensors, raw and averaged, and the histogram of one tensor."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Literal

import torch
from torch import Tensor

from trm_engine.errors import UserError, did_you_mean
from trm_engine.inspection.files import ModelFiles
from trm_engine.inspection.job import Job
from trm_engine.models.trm import NOT_TRAINED
from trm_engine.runs.schema.model_file import (
    AverageStats,
    ParameterList,
    ParameterStats,
    TensorHistogram,
)

CHUNK = 1 << 18
"""Elements of a chunk: small enough to stay in the processor's cache."""

MOST_BINS = 10_000


def list_parameters(files: ModelFiles, job: Job, path: str) -> ParameterList:
    """Shape and statistics of every tensor, in the order of the model."""
    file = files.open(path)
    tensors = []
    for name, tensor in file.weights.items():
        job.check()
        figures, average = _figures(tensor, file.average.get(name))
        tensors.append(
            ParameterStats(
                name=name,
                shape=list(tensor.shape),
                dtype=str(tensor.dtype).removeprefix("torch."),
                count=tensor.numel(),
                learnt=name not in NOT_TRAINED,
                ema=average,
                **figures,
            )
        )
    return ParameterList(tensors=tensors)


def histogram(
    files: ModelFiles,
    job: Job,
    path: str,
    name: str,
    bins: int = 64,
    which: Literal["raw", "ema"] = "raw",
) -> TensorHistogram:
    """The histogram of one tensor."""
    file = files.open(path)
    tensors = file.average if which == "ema" else file.weights
    if name not in tensors:
        raise UserError(f"{file.path}: no {which} tensor '{name}'{did_you_mean(name, tensors)}")
    if not 1 <= bins <= MOST_BINS:
        raise UserError(f"bins must be 1 to {MOST_BINS}, not {bins}")
    values = tensors[name]
    (figures, _), limits = _figures(values, None), _range(values)
    edges, counts = _bins(values, limits, bins) if limits else ([], [])
    return TensorHistogram(
        name=name,
        which=which,
        edges=edges,
        counts=counts,
        nan=figures["nan"],
        inf=figures["inf"],
        count=values.numel(),
    )


def _bins(values: Tensor, limits: tuple[float, float], bins: int) -> tuple[list[float], list[int]]:
    low, high = limits
    if low == high:
        width = max(0.5, abs(low) * 1e-6)  # 0.5 would be lost in the rounding of huge values
        low, high = low - width, high + width
    counts = torch.zeros(bins, dtype=torch.long)
    for (chunk,) in _chunks(values):
        counts += torch.histc(chunk.double(), bins, low, high).long()
    return torch.linspace(low, high, bins + 1, dtype=torch.float64).tolist(), counts.tolist()


class _Sums:
    """Running sums over the chunks of a tensor, for its statistics."""

    def __init__(self) -> None:
        self.finite = self.nan = self.inf = 0
        self.total = self.squares = self.largest = 0.0

    def add(self, chunk: Tensor) -> None:
        total = float(chunk.sum())
        if not math.isfinite(total):
            chunk = self._count_and_drop(chunk)
            total = float(chunk.sum(dtype=torch.float64))
        if chunk.numel():
            low, high = chunk.aminmax()
            self.finite += chunk.numel()
            self.total += total
            self.squares += float(chunk.dot(chunk))
            self.largest = max(self.largest, -float(low), float(high))

    def to_dict(self) -> dict[str, Any]:
        return {
            "norm": math.sqrt(self.squares),
            "mean": self.total / self.finite if self.finite else None,
            "max_abs": self.largest if self.finite else None,
            "nan": self.nan,
            "inf": self.inf,
        }

    def _count_and_drop(self, chunk: Tensor) -> Tensor:
        self.nan += int(chunk.isnan().sum())
        self.inf += int(chunk.isinf().sum())
        return chunk[chunk.isfinite()]


def _figures(raw: Tensor, average: Tensor | None) -> tuple[dict[str, Any], AverageStats | None]:
    """The statistics of a tensor and of its average, in one pass over both."""
    if average is None:
        sums = _Sums()
        for (chunk,) in _chunks(raw):
            sums.add(chunk)
        return sums.to_dict(), None
    ours, theirs, apart = _Sums(), _Sums(), _Sums()
    for chunk, other in _chunks(raw, average):
        ours.add(chunk)
        theirs.add(other)
        apart.add(other - chunk)
    figures, distance = ours.to_dict(), math.sqrt(apart.squares)
    relative = distance / figures["norm"] if figures["norm"] else None
    return figures, AverageStats(**theirs.to_dict(), distance=distance, relative=relative)


def _chunks(*tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Yield the same chunk of every tensor, flat and in fp32."""
    flat = [tensor.detach().reshape(-1) for tensor in tensors]
    for begin in range(0, flat[0].numel(), CHUNK):
        yield tuple(each[begin : begin + CHUNK].float() for each in flat)


def _range(values: Tensor) -> tuple[float, float] | None:
    """The smallest and the largest finite value; None if there is none."""
    finite = [chunk[chunk.isfinite()] for (chunk,) in _chunks(values)]
    limits = [chunk.aminmax() for chunk in finite if chunk.numel()]
    if not limits:
        return None
    return min(float(low) for low, _ in limits), max(float(high) for _, high in limits)
