"""Early calls: the call that an answer would be if its tool required nothing.

"Find me a restaurant." "In which city?" "Oakland." The call comes when the city is known. If the
tool did not require a city, it would come at once. Training data seldom have tools without required
parameters, so a model learns that a question follows a first wish, whatever the tool.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.data.next_call import said_so_far
from trm_engine.data.samples import Sample, ToolCall, Turn
from trm_engine.data.spans import is_verbatim
from trm_engine.data.values import flatten
from trm_engine.vocabulary import TOOL_ROLES

EARLY_STREAM = 0x4541
"""Separates this random stream from others with the same seed."""

REQUIRES_NOTHING = "requires_nothing"
"""Key of an item: whether its label is that of an early call."""

FEWEST_WORDS = 3
"""A first turn with fewer words is a greeting."""


def early_calls(dataset: TRMToolCallingDataset) -> dict[int, ToolCall]:
    """The early call of each sample that has one, by index, with the arguments said until then."""
    calls: dict[int, ToolCall] = {}
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
            if sample.tool is None:
                continue
            tool = dataset.labels.called(sample.tool.name, sample.tools)
            required = dataset.labels.definitions[tool].required if tool >= 0 else ()
            for length in asked_before(sample, required):
                index = answers.get(length)
                if index is not None and samples[index].history == sample.history[:length]:
                    calls[index] = said_so_far(sample.tool, sample.history[:length])
    return calls


def asked_before(call: Sample, required: Sequence[str]) -> Iterator[int]:
    """Lengths of the histories before a call at which the assistant asked for an argument.

    Every turn of the user after them says a required argument that nobody had said. The user has
    already wished for the call, after the tool turn before it: with an argument of it or, if the
    conversation begins there, with any words but a greeting.
    """
    assert call.tool is not None
    history = call.history
    values = flatten(call.tool.arguments)
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


def _is_question(turns: Sequence[Turn]) -> bool:
    return [turn.role for turn in turns] == ["user", "assistant", "user"]
