"""Measure: answers samples one at a time on one thread, and records answers, time and memory."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from trm_engine.data.samples import Sample, parse_sample
from trm_engine.data.values import is_empty
from trm_engine.inference.decoding import Decoded
from trm_engine.inference.predictor import FullPrediction, Predictor
from trm_engine.runs.schema.answers import PRESENT

PROBABILITIES = ("decision", "q", "tools", "next_tools", "slot_presence", "arg_presence")


def measure(model: str, samples: str, out: str, raw: bool = False) -> int:
    """Answer the samples of a file, and write to ``out``.npz and ``out``.json what came out.

    ``probabilities``: those of every step and sample in a row. ``milliseconds``: the processor
    time from a conversation to its answer, all steps, [samples]; on an idle machine that is the
    latency. ``answers``: decision, tool, arguments and
    slots, and whether they are exact. ``resident``: the bytes of memory that this process holds at
    the end.
    """
    predictor = Predictor.load(model, "cpu", raw, threads=1)
    probabilities: list[np.ndarray] = []
    milliseconds: list[float] = []
    answers: list[dict[str, Any]] = []
    for sample in _samples(Path(samples)):
        if not answers:
            _answer(predictor, sample)  # the first answer takes longer
        began = time.thread_time()
        answer, steps = _answer(predictor, sample)
        milliseconds.append(1000 * (time.thread_time() - began))
        answers.append(_told(answer, sample))
        probabilities += _flat(steps)
    resident = psutil.Process().memory_info().rss
    np.savez(
        f"{out}.npz",
        probabilities=np.concatenate([np.empty(0), *probabilities]),
        milliseconds=np.array(milliseconds),
        resident=np.array(resident),
    )
    Path(f"{out}.json").write_text(json.dumps(answers), encoding="utf-8")
    return 0


def _answer(predictor: Predictor, sample: Sample) -> tuple[FullPrediction, Sequence[Decoded]]:
    """The last step's answer, and what all steps say."""
    batch = predictor.read([sample])
    steps = [*predictor.decode_steps(batch)]
    return predictor.answer(batch, steps[-1], 0, len(steps)), steps


def _told(answer: FullPrediction, sample: Sample) -> dict[str, Any]:
    tool = answer.tool.name if answer.tool else None
    given = {name for name, chance in answer.slot_probabilities.items() if chance > PRESENT}
    true = {name for name in answer.slots if not is_empty(sample.slots.get(name))}
    return {
        "decision": answer.decision,
        "tool": tool,
        "arguments": answer.tool.arguments if answer.tool else {},
        "slots": answer.slots,
        "exact": (answer.decision, tool, given)
        == (sample.decision, sample.tool.name if sample.tool else None, true),
    }


def _flat(steps: Sequence[Decoded]) -> Iterator[np.ndarray]:
    """The probabilities of one sample."""
    for step in steps:
        for name in PROBABILITIES:
            yield np.asarray(getattr(step, name)[0], np.float64).ravel()


def _samples(path: Path) -> Iterator[Sample]:
    """The samples of a file, one at a time."""
    with open(path, "rb") as file:
        yield from map(parse_sample, file)
