"""Next calls: labels for the call that follows an answer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.data.samples import Sample, ToolCall
from trm_engine.data.spans import is_verbatim
from trm_engine.data.values import flatten, unflatten


def next_calls(dataset: TRMToolCallingDataset) -> dict[int, ToolCall]:
    """The next call in the dialogue for each sample that is an answer, by index.

    It has only the arguments that are already in the conversation, at least one.
    """
    calls: dict[int, ToolCall] = {}
    dialogues = dataset.dialogues
    for dialogue in np.unique(dialogues):
        indices = np.flatnonzero(dialogues == dialogue).tolist()
        samples = [dataset.sample(index) for index in indices]
        for index, sample in zip(indices, samples, strict=True):
            call = next_call(sample, samples)
            if call:
                calls[index] = call
    return calls


def next_call(sample: Sample, dialogue: Sequence[Sample]) -> ToolCall | None:
    """The next call after an answer, with the arguments that are already in the conversation."""
    call = whole_next_call(sample, dialogue)
    if call is None:
        return None
    said = {
        path: value
        for path, value in flatten(call.arguments).items()
        if is_verbatim(sample.history, value)
    }
    return ToolCall(name=call.name, arguments=unflatten(said)) if said else None


def whole_next_call(sample: Sample, dialogue: Sequence[Sample]) -> ToolCall | None:
    """The first call in ``dialogue`` whose history continues that of an answer.

    None if the sample does not offer its tool.
    """
    if sample.decision == "tool_call":
        return None
    said = len(sample.history)
    later = [
        each
        for each in dialogue
        if each.tool and len(each.history) > said and each.history[:said] == sample.history
    ]
    call = min(later, key=lambda each: len(each.history)).tool if later else None
    is_offered = call and (not sample.tools or call.name in sample.tool_names)
    return call if is_offered else None


def with_next_call(sample: Sample, call: ToolCall) -> Sample:
    """A copy of an answer with the next call as its tool, to label its arguments."""
    return sample.model_copy(update={"tool": call})
