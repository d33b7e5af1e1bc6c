"""Answers of a worker to requests about what is in a model file."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from trm_engine.runs.best import Score


class TokenizerSummary(Struct, frozen=True, kw_only=True):
    """A tokenizer. ``kind``: unigram, bpe, word or char. ``folds_case``: "A" and "a" are alike."""

    pieces: int
    kind: str
    folds_case: bool
    fingerprint: str


class ModelSummary(Struct, frozen=True, kw_only=True):
    """The answer to ``open``: a file without its tensors. What is unknown is None.

    ``saved`` is a time in seconds since 1970, ``parameters`` the number of learnt values.
    ``metrics`` are those of the evaluation when it was saved, ``best`` is the best score of its run
    until then. ``defaults`` is the configuration with every setting at its default.
    ``completed_by`` names the files that config, labels and tokenizer were taken from if the file
    has weights only. ``run`` and ``data`` are the run's folder and its validation samples, if they
    were found.
    """

    path: str
    kind: Literal["checkpoint", "weights"]
    format_version: int | None = None
    step: int | None = None
    epoch: float | None = None
    saved: float
    bytes: int
    parameters: int
    has_ema: bool
    metrics: dict[str, Any] | None = None
    best: Score | None = None
    config: dict[str, Any] | None = None
    defaults: dict[str, Any]
    labels: dict[str, Any] | None = None
    tokenizer: TokenizerSummary | None = None
    completed_by: dict[str, str] | None = None
    run: str | None = None
    data: str | None = None

    @property
    def tools(self) -> list[str]:
        """The names of the tools that the model knows."""
        return list((self.labels or {}).get("tools") or ())


class TensorStats(Struct, frozen=True, kw_only=True):
    """Statistics of the finite values of a tensor; NaN and infinite ones are counted.

    ``norm`` is the L2 norm. ``mean`` and the largest absolute value are None if none is finite.
    """

    norm: float
    mean: float | None
    max_abs: float | None
    nan: int
    inf: int


class AverageStats(TensorStats, frozen=True, kw_only=True):
    """Statistics of an averaged tensor, and its distance from the raw one.

    ``distance`` is the norm of the difference, ``relative`` its share of the raw norm.
    """

    distance: float
    relative: float | None


class ParameterStats(TensorStats, frozen=True, kw_only=True):
    """A tensor with its statistics, and those of its average, if it has one."""

    name: str
    shape: list[int]
    dtype: str
    count: int
    learnt: bool = True
    ema: AverageStats | None = None


class ParameterList(Struct, frozen=True, kw_only=True):
    """The answer to ``parameters``: every tensor, in the order of the model."""

    tensors: list[ParameterStats]


class TensorHistogram(Struct, frozen=True, kw_only=True):
    """The answer to ``histogram``: ``edges`` [bins + 1] and ``counts`` [bins].

    ``counts``, ``nan`` and ``inf`` add up to ``count``. There are no bins if no value is finite.
    """

    name: str
    which: Literal["raw", "ema"]
    edges: list[float]
    counts: list[int]
    nan: int
    inf: int
    count: int


class Vocabulary(Struct, frozen=True, kw_only=True):
    """The answer to ``vocabulary``: the pieces of a tokenizer by id, as columns.

    ``scores`` are log probabilities (unigram) or negative ranks (bpe). ``types`` are normal,
    unknown, control, byte or unused.
    """

    kind: str
    pieces: list[str]
    scores: list[float]
    types: list[str]
