"""Observed: a model's raw probabilities on held-out samples, and what was right."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
from torch import Tensor

from trm_engine.data.labels import Labels
from trm_engine.inference.calibration import (
    Calibration,
    joint_probability,
    parameters_taken,
    per_channel,
    scaled,
    sharpened,
)
from trm_engine.inference.decoding import Decoded
from trm_engine.runs.schema.answers import PRESENT
from trm_engine.training.metrics import Answers, Correctness, Truth


@dataclass(frozen=True)
class Observed:
    """Raw probabilities of N samples at the last step, and what was right.

    Shapes: samples [N], tools [N, T], slots [N, S], arguments [N, A]. ``takes``: the arguments of
    the likeliest tool; ``arg_values``: the probabilities of their values. Labels below 0, of tools
    and of arguments, are none. ``right``: whether decision, tool and arguments are right.
    ``exact``: whether decision, tool and presences are.
    """

    decision: np.ndarray
    q: np.ndarray
    tools: np.ndarray
    next_tools: np.ndarray
    slot_presence: np.ndarray
    arg_presence: np.ndarray
    arg_values: np.ndarray
    takes: np.ndarray
    is_call: np.ndarray
    true_tool: np.ndarray
    true_next_tool: np.ndarray
    slots: np.ndarray
    args: np.ndarray
    right: np.ndarray
    exact: np.ndarray
    dialogues: np.ndarray

    @classmethod
    def empty(cls, dialogues: np.ndarray, labels: Labels) -> Self:
        """Room for samples of some dialogues, [N]."""
        samples = len(dialogues)
        tools, args = (samples, len(labels.tools)), (samples, len(labels.args))
        slots = (samples, len(labels.slots))
        return cls(
            decision=np.zeros(samples),
            q=np.zeros(samples),
            tools=np.zeros(tools, np.float32),
            next_tools=np.zeros(tools, np.float32),
            slot_presence=np.zeros(slots),
            arg_presence=np.zeros(args, np.float32),
            arg_values=np.zeros(args, np.float32),
            takes=np.zeros(args, bool),
            is_call=np.zeros(samples, bool),
            true_tool=np.full(samples, -1),
            true_next_tool=np.full(samples, -1),
            slots=np.zeros(slots, bool),
            args=np.full(args, -1, np.int8),
            right=np.zeros(samples, bool),
            exact=np.zeros(samples, bool),
            dialogues=dialogues,
        )

    def put(
        self, where: np.ndarray, decoded: Decoded, batch: Mapping[str, Tensor], labels: Labels
    ) -> None:
        """Take in the last step's predictions for the samples ``where``, and their labels."""
        self.decision[where] = decoded.decision
        self.q[where] = decoded.q
        self.tools[where], self.next_tools[where] = decoded.tools, decoded.next_tools
        self.slot_presence[where] = decoded.slot_presence
        self.arg_presence[where] = decoded.arg_presence
        self.arg_values[where] = decoded.arg_values(labels)
        self.takes[where] = parameters_taken(labels, decoded.tools)
        self.is_call[where] = batch["decision_labels"].cpu().numpy() > 0.5
        self.true_tool[where] = batch["tool_name_labels"].cpu().numpy()
        self.true_next_tool[where] = batch["next_tool_labels"].cpu().numpy()
        self.slots[where] = batch["slot_presence_labels"].cpu().numpy() > 0.5
        self.args[where] = batch["arg_presence_labels"].cpu().numpy()

    def judged(self, right: Correctness, args_right: np.ndarray) -> Observed:
        """The same with what is right at the last step; ``args_right`` [N] is that of calls."""
        called = right.tool[-1] & args_right
        whole = right.decision[-1] & (called | ~self.is_call)
        return replace(self, right=whole, exact=right.exact[-1])

    def of(self, samples: np.ndarray) -> Observed:
        """Those of some samples."""
        return Observed(*(getattr(self, each.name)[samples] for each in fields(self)))

    def __len__(self) -> int:
        return len(self.decision)

    @property
    def is_finite(self) -> bool:
        """Whether every probability is a number."""
        probabilities = (
            self.decision,
            self.q,
            self.tools,
            self.next_tools,
            self.slot_presence,
            self.arg_presence,
            self.arg_values,
        )
        return all(bool(np.isfinite(part).all()) for part in probabilities)

    @property
    def decision_is_right(self) -> np.ndarray:
        """Whether each decision is right, [N]."""
        right: np.ndarray = (self.decision > PRESENT) == self.is_call
        return right

    def joint(self, calibration: Calibration) -> np.ndarray:
        """The product of the calibrated probabilities of each answer's parts, [N]."""
        tools = sharpened(self.tools, calibration.tool)
        return joint_probability(
            scaled(self.decision, calibration.decision),
            tools.max(axis=-1, initial=0.0),
            scaled(self.arg_presence, per_channel(calibration.args, self.arg_presence)),
            self.arg_values,
            self.takes,
        )

    def confidence(self, calibration: Calibration) -> np.ndarray:
        """The probability that decision, tool and arguments of each answer are right, [N]."""
        return calibration.answer(self.joint(calibration))

    def fingerprint(self, texts: Sequence[str]) -> str:
        """What tells these samples from others: a hash of their last turns and of their labels."""
        digest = hashlib.sha256("\0".join(texts).encode(errors="surrogatepass"))
        for part in (self.is_call, self.true_tool, self.slots, self.args > 0):
            digest.update(np.ascontiguousarray(part).tobytes())
        return digest.hexdigest()[:32]


def with_calibration(
    answers: Answers, truth: Truth, seen: Observed, calibration: Calibration
) -> Answers:
    """The same answers with calibrated probabilities; those of tools at the last step only."""
    tools = sharpened(seen.tools, calibration.tool)
    known = np.maximum(truth.tool, 0)[:, None]
    if tools.size:
        true = np.where(truth.tool >= 0, np.take_along_axis(tools, known, axis=-1)[:, 0], 0.0)
        best = tools.max(axis=-1)
    else:
        true = best = np.zeros(len(seen))
    return replace(
        answers,
        decision=scaled(answers.decision, calibration.decision),
        q=calibration.q(answers.q),
        presence=scaled(answers.presence, per_channel(calibration.slots, answers.presence)),
        tool_confidence=_last_replaced(answers.tool_confidence, best),
        tool_probability=_last_replaced(answers.tool_probability, true),
    )


def _last_replaced(by_step: np.ndarray, last: np.ndarray) -> np.ndarray:
    """[K, N] with another last row."""
    return np.concatenate((by_step[:-1], last[None]))
