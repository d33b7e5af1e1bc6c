"""Ticks of an axis, and the format of numbers and times."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

Format = Callable[[float], str]

CLOCK_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 43200)
DAY = 86_400
SUFFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"))
ROUNDING = 1.5
"""A step may be smaller by this factor, which gives as many more ticks."""
MOST_MORE = 4
"""So many ticks more than asked for are tried, to have two."""

LEVELS = 3
"""About so many ticks tell the levels of a diagram."""
FRAME = 4
"""Rows of a diagram that its title, its borders and the labels below it take."""

MAX_DECIMALS = 4
"""Numbers with more decimals are written with an exponent."""


@dataclass(frozen=True)
class Tick:
    """A tick: its position in units of the axis, and its label."""

    at: float
    label: str


def linear_ticks(low: float, high: float, count: int, form: Format | None = None) -> list[Tick]:
    """About ``count`` round numbers from ``low`` to ``high``, with the decimals that they need."""
    for more in range(MOST_MORE):  # one tick does not tell the scale
        step = _round_step((high - low) / (max(count, 1) + more))
        values = _multiples(low, high, step)
        if len(values) > 1:
            break
    return _labelled(values, form or (lambda value: _fixed(value, step)))


def level_ticks(low: float, high: float, height: int) -> list[Tick]:
    """A few round numbers from ``low`` to ``high`` for a diagram of ``height`` rows.

    No two of them are on one row, if there are more than two rows.
    """
    if low == high:
        return [Tick(low, f"{low:.4g}")]
    tried = (linear_ticks(low, high, count) for count in range(LEVELS, 0, -1))
    fitting = (ticks for ticks in tried if 1 < len(ticks) <= max((height - FRAME) // 2, 2))
    return next(fitting, linear_ticks(low, high, 1))


def integer_ticks(low: float, high: float, count: int) -> list[Tick]:
    """About ``count`` round integers from ``low`` to ``high``."""
    step = max(1.0, _round_step((high - low) / max(count, 1)))
    return _labelled(_multiples(low, high, step), lambda value: f"{value:,.0f}")


def second_ticks(low: float, high: float, count: int) -> list[Tick]:
    """About ``count`` round times from ``low`` to ``high`` seconds."""
    least = (high - low) / max(count, 1)
    if least < CLOCK_STEPS[0] / 2:
        return linear_ticks(low, high, count, lambda value: f"{value:.4g}s")
    step = next((each for each in CLOCK_STEPS if each * ROUNDING >= least), None)
    step = step or DAY * max(1, math.ceil(_round_step(least / DAY)))
    return _labelled(_multiples(low, high, step), clock)


def log_ticks(low: float, high: float, count: int, form: Format | None = None) -> list[Tick]:
    """Round numbers from ``10**low`` to ``10**high``. Positions are base-10 logarithms."""
    form = form or brief
    for digits in ((1, 2, 5), (1,)):
        values = _decades(low, high, digits)
        if 2 <= len(values) <= count + 1:
            return [Tick(math.log10(value), form(value)) for value in values]
    if len(values) > 1:
        sparse = values[:: math.ceil(len(values) / max(count, 1))]
        return [Tick(math.log10(value), form(value)) for value in sparse]
    linear = linear_ticks(10.0**low, 10.0**high, count, form if form is not brief else None)
    return [Tick(math.log10(tick.at), tick.label) for tick in linear if tick.at > 0]


def brief(value: float) -> str:
    """At most three digits and an exponent or suffix: 0.25, 3e-4, 12,000, 1.5M."""
    for size, suffix in SUFFIXES:
        if abs(value) >= size:
            return f"{value / size:.3g}{suffix}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) >= 1e-3 or not value:
        return f"{value:.3g}"
    return f"{value / 10.0 ** _power_of(value):.3g}e{_power_of(value)}"


def precise(value: float) -> str:
    """Four significant digits: 0.4321, 1,234, 3.142e-5, NaN."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if not value:
        return "0"
    if 1e-3 <= abs(value) < 1e9:
        return f"{value:,.{max(0, 3 - _power_of(value))}f}"
    return _tidy(f"{value:.3e}")


def clock(seconds: float) -> str:
    """Seconds as 0:30 or 1:05:00. Days are written as hours."""
    sign, whole = "-" if seconds < 0 else "", round(abs(seconds))
    hours, minutes = divmod(whole // 60, 60)
    if hours:
        return f"{sign}{hours:,}:{minutes:02}:{whole % 60:02}"
    return f"{sign}{minutes}:{whole % 60:02}"


def _round_step(least: float) -> float:
    """1, 2 or 5 times a power of ten: the smallest that is not much below ``least``."""
    if not (0 < least < math.inf):
        return 1.0
    power = 10.0 ** _power_of(least)
    return next((m * power for m in (1, 2, 5) if m * power * ROUNDING >= least), 10 * power)


def _multiples(low: float, high: float, step: float) -> list[float]:
    slack = step * 1e-6
    first, last = math.ceil((low - slack) / step), math.floor((high + slack) / step)
    return [number * step for number in range(first, last + 1)]


def _decades(low: float, high: float, digits: Iterable[int]) -> list[float]:
    powers = range(math.floor(low), math.ceil(high) + 1)
    values = [digit * 10.0**power for power in powers for digit in digits]
    return [value for value in values if low - 1e-9 <= math.log10(value) <= high + 1e-9]


def _labelled(values: Iterable[float], form: Format) -> list[Tick]:
    return [Tick(value, form(value)) for value in values]


def _fixed(value: float, step: float) -> str:
    """A multiple of ``step``, with the decimals that distinguish it from the next."""
    for size, suffix in SUFFIXES:
        if abs(value) >= size:
            return f"{value / size:.{_decimals(step / size)}f}{suffix}"
    decimals = _decimals(step)
    if decimals <= MAX_DECIMALS or not value:
        return f"{value:,.{decimals if decimals <= MAX_DECIMALS else 0}f}"
    return _tidy(f"{value:.{max(0, _power_of(value) + decimals)}e}")


def _decimals(step: float) -> int:
    return max(0, -_power_of(step))


def _power_of(value: float) -> int:
    return math.floor(math.log10(abs(value)) + 1e-9)


def _tidy(text: str) -> str:
    """``1.5e-04`` as ``1.5e-4``."""
    mantissa, mark, power = text.partition("e")
    return f"{mantissa}{mark}{int(power)}" if mark else text
