"""Certainty: how sure an answer is as a whole, and which part of it is least sure."""

from __future__ import annotations

from collections.abc import Iterator

from trm_engine.data.labels import Labels
from trm_engine.inference.calibration import Calibration, joint_probability, parameters_taken
from trm_engine.inference.decoding import Decoded, predicted_tool
from trm_engine.printable import one_line
from trm_engine.runs.schema.answers import PRESENT


def below(confidence: float, threshold: float) -> str | None:
    """Why not to answer with several calls; None if the confidence reaches the threshold."""
    if confidence >= threshold:
        return None
    return f"confidence {confidence:.3g} of all calls is below {threshold:.3g}"


def certainty(decoded: Decoded, row: int, labels: Labels, calibration: Calibration) -> float:
    """The probability that one sample's answer is right; ``decoded`` is calibrated."""
    one = slice(row, row + 1)
    joint = joint_probability(
        decoded.decision[one],
        decoded.tools[one].max(axis=-1, initial=0.0),
        decoded.arg_presence[one],
        decoded.arg_values(labels)[one],
        parameters_taken(labels, decoded.tools[one]),
    )
    return float(calibration.answer(joint)[0])


def doubt(
    decoded: Decoded, row: int, labels: Labels, confidence: float, threshold: float
) -> str | None:
    """Why not to answer, for example "confidence 0.71 is below 0.95; least sure: the tool (0.74)";
    None if the confidence reaches the threshold."""
    if confidence >= threshold:
        return None
    weakest, probability = min(_parts(decoded, row, labels), key=lambda part: part[1])
    told = f"confidence {confidence:.3g} is below {threshold:.3g}"
    return f"{told}; least sure: {weakest} ({probability:.3g})"


def _parts(decoded: Decoded, row: int, labels: Labels) -> Iterator[tuple[str, float]]:
    """The parts of an answer with their probabilities."""
    call = float(decoded.decision[row])
    yield "whether to call a tool", max(call, 1 - call)
    tool = predicted_tool(decoded.tools[row])
    if call <= PRESENT:
        return
    yield "the tool", float(decoded.tools[row].max(initial=0.0))
    if tool < 0:
        return
    values = decoded.arg_values(labels)[row]
    for channel in labels.parameters[tool]:
        present = float(decoded.arg_presence[row, channel])
        sure = present * float(values[channel]) if present > PRESENT else 1 - present
        yield f"argument '{one_line(labels.args[channel].name)}'", sure
