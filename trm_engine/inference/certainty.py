"""Certainty: how sure an answer is as a whole, and which part of it is least sure."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import numpy as np

from trm_engine.data.labels import Labels
from trm_engine.inference.calibration import Calibration
from trm_engine.inference.decoding import Decoded, predicted_tool
from trm_engine.printable import one_line
from trm_engine.runs.schema.answers import PRESENT

NOT_ARGUMENTS = ("whether to call a tool", "the tool")


def below(confidence: float, threshold: float) -> str | None:
    """Why not to answer with several calls; None if the confidence reaches the threshold."""
    if confidence >= threshold:
        return None
    return f"confidence {confidence:.3g} of all calls is below {threshold:.3g}"


def certainty(decoded: Decoded, row: int, labels: Labels, calibration: Calibration) -> float:
    """The probability that one sample's answer is right; ``decoded`` is calibrated.

    It is ``joint_probability``, of one sample.
    """
    joint = prod(probability for _, probability in _parts(decoded, row, labels))
    return float(calibration.answer(np.array([joint]))[0])


def doubt(
    decoded: Decoded, row: int, labels: Labels, confidence: float, threshold: float
) -> str | None:
    """Why not to answer, for example "confidence 0.71 is below 0.95; least sure: the tool (0.74)";
    None if the confidence reaches the threshold."""
    if confidence >= threshold:
        return None
    parts = [*_parts(decoded, row, labels)]
    place = min(range(len(parts)), key=lambda part: parts[part][1])
    weakest, probability = parts[place]
    if place >= len(NOT_ARGUMENTS):
        weakest = f"argument '{one_line(weakest)}'"
    told = f"confidence {confidence:.3g} is below {threshold:.3g}"
    return f"{told}; least sure: {weakest} ({probability:.3g})"


def _parts(decoded: Decoded, row: int, labels: Labels) -> Iterator[tuple[str, float]]:
    """NOT_ARGUMENTS, then the names of the arguments, with their probabilities."""
    call = float(decoded.decision[row])
    yield NOT_ARGUMENTS[0], max(call, 1 - call)
    if call <= PRESENT:
        return
    tool = predicted_tool(decoded.tools[row])
    yield NOT_ARGUMENTS[1], float(decoded.tools[row].max(initial=0.0))
    if tool < 0:
        return
    for channel in labels.parameters[tool]:
        field, present = labels.args[channel], float(decoded.arg_presence[row, channel])
        if present <= PRESENT:
            yield field.name, 1 - present
            continue
        is_choice = field.kind == "choice"
        right = decoded.arg_choices_right if is_choice else decoded.arg_spans_right
        yield field.name, present * float(right[row, channel])
