"""Certainty: how sure an answer is as a whole, and which part of it is least sure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from trm_engine.data.labels import Labels
from trm_engine.inference.calibration import Calibration, joint_probability, parameters_taken
from trm_engine.inference.decoding import Decoded, predicted_tool
from trm_engine.printable import one_line
from trm_engine.runs.schema.answers import PRESENT


@dataclass(frozen=True)
class Certainty:
    """The probability that an answer is right, and the part with the lowest probability."""

    confidence: float
    weakest: str
    probability: float

    def reason(self, threshold: float) -> str | None:
        """Why not to answer, for example "confidence 0.71 is below 0.95; least sure: the tool
        (0.74)"; None if the confidence reaches the threshold."""
        if self.confidence >= threshold:
            return None
        weakest = f"least sure: {self.weakest} ({self.probability:.3g})"
        return f"confidence {self.confidence:.3g} is below {threshold:.3g}; {weakest}"


def below(confidence: float, threshold: float) -> str | None:
    """Why not to answer with several calls; None if the confidence reaches the threshold."""
    if confidence >= threshold:
        return None
    return f"confidence {confidence:.3g} of all calls is below {threshold:.3g}"


def certainty(decoded: Decoded, row: int, labels: Labels, calibration: Calibration) -> Certainty:
    """That of one sample's answer; ``decoded`` is calibrated."""
    one = slice(row, row + 1)
    joint = joint_probability(
        decoded.decision[one],
        decoded.tools[one].max(axis=-1, initial=0.0),
        decoded.arg_presence[one],
        decoded.arg_values(labels)[one],
        parameters_taken(labels, decoded.tools[one]),
    )
    confidence = float(calibration.answer(joint)[0])
    weakest, probability = min(_parts(decoded, row, labels), key=lambda part: part[1])
    return Certainty(confidence, weakest, probability)


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
