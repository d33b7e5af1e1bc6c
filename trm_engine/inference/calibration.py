"""Calibration: probabilities that mean what they say, and the answers that are not sure enough.

``training/calibration.py`` fits it on held-out conversations. A temperature never changes an
answer: the order of the tools stays, and what was above a half stays above it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from statistics import median
from typing import Annotated, Any, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from trm_engine.data.labels import Labels
from trm_engine.inference.decoding import Decoded
from trm_engine.runs.schema.answers import PRESENT

LOWEST, HIGHEST = 0.05, 20.0
"""Temperatures beyond these are those of no model."""

LARGEST_BIAS = 20.0
TINY = 1e-12
"""A probability is kept this far from 0 and 1, where it has no logit."""

Temperature = Annotated[float, Field(ge=LOWEST, le=HIGHEST, allow_inf_nan=False)]
Bias = Annotated[float, Field(ge=-LARGEST_BIAS, le=LARGEST_BIAS, allow_inf_nan=False)]
Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", defer_build=True)


class Scale(_Part):
    """p becomes sigmoid(logit(p) / temperature + bias), as in Platt scaling."""

    temperature: Temperature = 1.0
    bias: Bias = 0.0

    def __call__(self, probabilities: np.ndarray) -> np.ndarray:
        """Calibrate probabilities of any shape."""
        return scaled(probabilities, self.temperature, self.bias)


class Calibration(_Part):
    """What a model's probabilities are calibrated with; the default changes nothing.

    Attributes:
        decision, tool, next_tool: temperatures.
        slots, args: temperatures of the presence of each, in the order of the labels; [] is all 1.
        q: the probability that decision, tool and the presence of every slot are right.
        answer: that decision, tool and arguments are right, given the product of their own.
        abstain_below: the least probability of that at which the model answers.
        samples: how many it was fitted on; ``fitted_on`` tells which (``fingerprint``).
    """

    decision: Temperature = 1.0
    tool: Temperature = 1.0
    next_tool: Temperature = 1.0
    slots: list[Temperature] = []
    args: list[Temperature] = []
    q: Scale = Scale()
    answer: Scale = Scale()
    abstain_below: Probability = 0.0
    samples: Annotated[int, Field(ge=0, le=10**12)] = 0
    fitted_on: Annotated[str, Field(max_length=100)] = ""

    @classmethod
    def of(cls, checkpoint: dict[str, Any], labels: Labels, raw: bool = False) -> Self:
        """That of a checkpoint; the identity if it has none for these weights (``fitted_of``).

        Arguments that only the tools of the validation data have are left out.

        Raises:
            ValueError: it is none, or that of other labels.
        """
        found = cls.model_validate(fitted_of(checkpoint, raw) or {})
        slots, args = len(labels.slots), len(labels.args)
        if len(found.slots) not in (0, slots):
            raise ValueError(f"calibration.slots: is not one for each of {slots}")
        if 0 < len(found.args) < args:
            raise ValueError(f"calibration.args: is not one for each of {args}")
        return found.model_copy(update={"args": found.args[:args]})

    def narrowed(self, args: Sequence[int]) -> Self:
        """That of some of the arguments; the median for those that calibration never saw."""
        if not self.args:
            return self
        middle = median(self.args)
        own = [self.args[arg] if arg < len(self.args) else middle for arg in args]
        return self.model_copy(update={"args": own})

    def decoded(self, raw: Decoded) -> Decoded:
        """The same predictions with calibrated probabilities."""
        slots, args = raw.slot_presence.shape[1], raw.arg_presence.shape[1]
        given = raw.decision[:, None], raw.q[:, None], raw.slot_presence, raw.arg_presence
        own = self.decision, self.q, tuple(self.slots), tuple(self.args)
        found = scaled(np.concatenate(given, axis=1), *_columns(*own, slots, args))  # in one go
        return replace(
            raw,
            decision=found[:, 0],
            q=found[:, 1],
            tools=sharpened(raw.tools, self.tool),
            next_tools=sharpened(raw.next_tools, self.next_tool),
            slot_presence=found[:, 2 : 2 + slots],
            arg_presence=found[:, 2 + slots :],
        )


IDENTITY = Calibration()


def fitted_of(checkpoint: dict[str, Any], raw: bool) -> dict[str, Any] | None:
    """What a checkpoint holds of its calibration. It was fitted on the answers of the averaged
    weights: there is none for the raw ones beside them."""
    return None if raw and checkpoint.get("ema_state_dict") else checkpoint.get("calibration")


def scaled(probabilities: np.ndarray, temperature: Any, bias: Any = 0.0) -> np.ndarray:
    """sigmoid(logit(p) / temperature + bias); temperature 1 without a bias changes no bit."""
    is_same = np.equal(temperature, 1.0) & np.equal(bias, 0.0)
    if is_same.all():
        return probabilities
    logits = logit(probabilities) / temperature + bias
    return np.where(is_same, probabilities, 1 / (1 + np.exp(-logits)))


def logit(probabilities: np.ndarray) -> np.ndarray:
    """log(p / (1 - p)), finite for 0 and 1."""
    inside = np.clip(np.asarray(probabilities, np.float64), TINY, 1 - TINY)
    logits: np.ndarray = np.log(inside) - np.log1p(-inside)
    return logits


def sharpened(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Distributions [..., T] at another temperature; those that are all 0 stay so."""
    if temperature == 1.0 or not probabilities.size:
        return probabilities
    most = np.maximum(probabilities.max(axis=-1, keepdims=True), TINY)
    weights = (np.asarray(probabilities, np.float64) / most) ** (1 / temperature)
    shares: np.ndarray = weights / np.maximum(weights.sum(axis=-1, keepdims=True), TINY)
    return shares


def per_channel(temperatures: Sequence[float], logits: np.ndarray) -> np.ndarray:
    """Temperatures to divide logits [..., F] by; the median for fields that have none."""
    return _per_channel(tuple(temperatures), logits.shape[-1])


@lru_cache
def _per_channel(temperatures: tuple[float, ...], channels: int) -> np.ndarray:
    found = np.full(channels, median(temperatures) if temperatures else 1.0)
    own = np.asarray(temperatures[:channels], np.float64)
    found[: len(own)] = own
    return found


@lru_cache
def _columns(
    decision: float, q: Scale, slots: tuple[float, ...], args: tuple[float, ...], *channels: int
) -> tuple[np.ndarray, np.ndarray]:
    """Temperatures and biases of decision, q and so many slots and arguments."""
    fields = map(_per_channel, (slots, args), channels)
    temperatures = np.concatenate(((decision, q.temperature), *fields))
    return temperatures, np.where(np.arange(len(temperatures)) == 1, q.bias, 0.0)


def joint_probability(
    decision: np.ndarray,
    tool: np.ndarray,
    arg_presence: np.ndarray,
    arg_values: np.ndarray,
    takes: np.ndarray,
) -> np.ndarray:
    """The product of the probabilities of an answer's parts, [B].

    Args:
        decision: probability of a call, [B].
        tool: that of the likeliest tool, [B].
        arg_presence: that each argument has a value, [B, A].
        arg_values: that the value is right, [B, A].
        takes: which arguments belong to that tool, [B, A].
    """
    argument = np.where(arg_presence > PRESENT, arg_presence * arg_values, 1 - arg_presence)
    arguments = np.where(takes, argument, 1.0).prod(axis=-1)
    joint: np.ndarray = np.where(decision > PRESENT, decision * tool * arguments, 1 - decision)
    return joint


def parameters_taken(labels: Labels, tools: np.ndarray) -> np.ndarray:
    """Which arguments the likeliest tool takes, [B, A], given probabilities [B, T]."""
    takes, none = labels.takes, len(labels.tools)  # the last row: no parameters
    likeliest = np.where(tools.any(axis=-1), tools.argmax(axis=-1), none) if none else none
    taken: np.ndarray = takes[np.broadcast_to(likeliest, len(tools))]
    return taken
