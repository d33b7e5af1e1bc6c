"""``python -m benchmarks.missing CHECKPOINT FILE``: does a model say what is still to be asked for?

Judged on answers to user turns that lead to a call: on the call's arguments, those that are read
off the conversation, that nobody has said yet.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.data.labels import Labels
from trm_engine.data.next_call import whole_next_call
from trm_engine.data.samples import Sample, ToolCall
from trm_engine.data.spans import is_verbatim
from trm_engine.data.values import value_text
from trm_engine.inference.predictor import Predictor

BATCH = 16


def main() -> int:
    """Print how many of the unsaid arguments are named; returns the exit status."""
    parser = argparse.ArgumentParser(description="Does a model say what is still to be asked for?")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("file", type=Path, help="samples as JSON lines")
    arguments = parser.parse_args()
    predictor = Predictor.load(arguments.checkpoint)
    dataset = TRMToolCallingDataset(arguments.file, predictor.tokenizer, predictor.labels)
    questions = [
        (sample, call, unsaid)
        for sample, call in _answers(dataset)
        if (unsaid := _unsaid(sample, call, predictor.labels))
    ]
    named = unsaid_arguments = right_tools = 0
    for begin in range(0, len(questions), BATCH):
        part = questions[begin : begin + BATCH]
        answers = predictor.predict([sample for sample, _, _ in part])
        for (_, call, unsaid), answer in zip(part, answers, strict=True):
            named += len(unsaid & answer.missing.keys())
            unsaid_arguments += len(unsaid)
            tools = answer.tool_probabilities
            right_tools += max(tools, key=tools.__getitem__) == call.name
    print(
        f"{len(questions)} answers | unsaid arguments named {named / unsaid_arguments:.3f} | "
        f"next call's tool right {right_tools / len(questions):.3f}"
    )
    return 0


def _answers(dataset: TRMToolCallingDataset) -> Iterator[tuple[Sample, ToolCall]]:
    """The answers to user turns that lead to a call, and that call."""
    for dialogue in np.unique(dataset.dialogues):
        indices = np.flatnonzero(dataset.dialogues == dialogue).tolist()
        samples = [dataset.sample(index) for index in indices]
        for sample in samples:
            call = whole_next_call(sample, samples)
            if call and sample.history[-1].role == "user":
                yield sample, call


def _unsaid(sample: Sample, call: ToolCall, labels: Labels) -> set[str]:
    """The arguments of a call, read off the conversation, that nobody has said yet."""
    spans = {arg.name for arg in labels.args if arg.kind == "span"}
    texts = {name: value_text(call.arguments[name]) for name in call.arguments.keys() & spans}
    return {name for name, text in texts.items() if text and not is_verbatim(sample.history, text)}


if __name__ == "__main__":
    raise SystemExit(main())
