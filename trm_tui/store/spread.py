"""Spread and Difference: a metric over several seeds, and how sure a difference is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

# 97.5 % quantiles of Student's t for 1 to 30 degrees of freedom.
T_975 = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)
Z_975 = 1.96


@dataclass(frozen=True)
class Spread:
    """A metric of ``runs`` runs: mean, standard deviation (None for one run), least and most."""

    runs: int
    mean: float
    deviation: float | None
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float | None]) -> Spread | None:
        """The spread of the known, finite values; None if there is none."""
        known = [value for value in values if value is not None and math.isfinite(value)]
        if not known:
            return None
        mean = math.fsum(known) / len(known)
        squares = math.fsum((value - mean) ** 2 for value in known)
        deviation = math.sqrt(squares / (len(known) - 1)) if len(known) > 1 else None
        return cls(len(known), mean, deviation, min(known), max(known))


@dataclass(frozen=True)
class Difference:
    """``value`` ± ``margin`` is the 95 % confidence interval; ``margin`` is None if unknown.

    ``by_seeds`` is whether the margin comes from the spread between seeds. Otherwise it comes from
    the number of validation samples alone, and another seed may differ more.
    """

    value: float
    margin: float | None = None
    by_seeds: bool = False

    @property
    def is_clear(self) -> bool:
        """Whether the interval excludes zero."""
        return self.margin is not None and abs(self.value) > self.margin


def difference(
    spread: Spread | None,
    base: Spread | None,
    counts: tuple[int | None, int | None] = (None, None),
) -> Difference | None:
    """``spread`` - ``base``, with its uncertainty; None if one is unknown.

    With several seeds on either side: Student's interval with the pooled deviation of the seeds.
    With one run each of a share: Agresti and Caffo's interval (2000) from ``counts``, the numbers
    of samples that the two shares are of.
    """
    if spread is None or base is None:
        return None
    value = spread.mean - base.mean
    freedom = spread.runs + base.runs - 2
    if freedom:
        squares = sum(
            each.deviation**2 * (each.runs - 1) for each in (spread, base) if each.deviation
        )
        error = math.sqrt(squares / freedom * (1 / spread.runs + 1 / base.runs))
        return Difference(value, t_975(freedom) * error, by_seeds=True)
    if counts[0] and counts[1]:
        variance = sum(
            _variance(each.mean, count)
            for each, count in zip((spread, base), counts, strict=True)
            if count
        )
        return Difference(value, Z_975 * math.sqrt(variance))
    return Difference(value)


def t_975(freedom: int) -> float:
    """The 97.5 % quantile of Student's t."""
    return T_975[freedom - 1] if freedom <= len(T_975) else Z_975 + 2.5 / freedom


def _variance(share: float, count: int) -> float:
    """The variance of a share of ``count`` samples, with one success and one failure added."""
    added = (share * count + 1) / (count + 2)
    return added * (1 - added) / (count + 2)
