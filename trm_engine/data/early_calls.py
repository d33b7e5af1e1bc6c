"""Early calls: the call that an answer would be if its tool required nothing.

"Find me a restaurant." "In which city?" "Oakland." The call comes when the city is known. If the
tool did not require a city, it would come at once. Training data seldom have tools without required
parameters, so a model learns that a question follows a first wish, whatever the tool.

Only the decision is learnt from an early call: its tool may depend on what is said later.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.data.samples import Sample, Turn
from trm_engine.data.spans import is_verbatim
from trm_engine.data.values import flatten
from trm_engine.vocabulary import TOOL_ROLES

EARLY_STREAM = 0x4541
"""Separates this random stream from others with the same seed."""

REQUIRES_NOTHING = "requires_nothing"
"""Key of an item: whether its label is that of an early call."""

FEWEST_WORDS = 3
"""A first turn with fewer words is a greeting."""


def early_calls(dataset: TRMToolCallingDataset) -> set[int]:
    """The samples that would be calls, by index."""
    found: set[int] = set()
    dialogues = dataset.dialogues
    for dialogue in np.unique(dialogues):
        indices = np.flatnonzero(dialogues == dialogue).tolist()
        samples = {index: dataset.sample(index) for index in indices}
        answers = {
            len(sample.history): index
            for index, sample in samples.items()
            if sample.decision != "tool_call"
        }
        for sample in samples.values():
            for length in asked_before(sample, _required(dataset, sample)):
                index = answers.get(length)
                if index is not None and samples[index].history == sample.history[:length]:
                    found.add(index)
    return found


def asked_before(call: Sample, required: Sequence[str]) -> Iterator[int]:
    """Lengths of the histories before a call at which the assistant asked for an argument.

    Every turn of the user after them says a required argument that nobody had said. The user has
    already wished for the call, after the tool turn before it: with an argument of it or, if the
    conversation begins there, with any words but a greeting.
    """
    history = call.history
    values = flatten(call.tool.arguments) if call.tool else {}
    needed = [values[path] for path in required if path in values]
    tool_turns = [place for place, turn in enumerate(history, 1) if turn.role in TOOL_ROLES]
    begin = tool_turns[-1] if tool_turns else 0
    length = len(history)
    while length - 2 > begin and _is_question(history[length - 3 : length]):
        newest, before = history[length - 1 : length], history[: length - 1]
        if not any(is_verbatim(newest, each) and not is_verbatim(before, each) for each in needed):
            return
        length -= 2
        users = [turn for turn in history[begin:length] if turn.role == "user"]
        is_wish = not begin and sum(len(turn.text().split()) for turn in users) >= FEWEST_WORDS
        if is_wish or any(is_verbatim(users, each) for each in values.values()):
            yield length


def _required(dataset: TRMToolCallingDataset, call: Sample) -> Sequence[str]:
    """The parameters that the tool of a call requires."""
    tool = dataset.labels.called(call.tool.name, call.tools) if call.tool else -1
    return dataset.labels.definitions[tool].required if tool >= 0 else ()


def _is_question(turns: Sequence[Turn]) -> bool:
    return [turn.role for turn in turns] == ["user", "assistant", "user"]
