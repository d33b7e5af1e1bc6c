"""Next calls: what an answer's conversation already says of the call that follows it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.data.samples import Sample, ToolCall
from trm_engine.data.spans import is_verbatim, value_text


def next_calls(dataset: TRMToolCallingDataset) -> dict[int, ToolCall]:
    """For each sample that is no call: the next call of its dialogue, by the sample's index.

    Of its arguments those that were said already are kept; there is at least one.
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
    """The call that an answer leads to, with the arguments that were said already."""
    call = whole_next_call(sample, dialogue)
    if call is None:
        return None
    arguments = {
        name: value
        for name, value in call.arguments.items()
        if is_verbatim(sample.history, value_text(value))
    }
    return ToolCall(name=call.name, arguments=arguments) if arguments else None


def whole_next_call(sample: Sample, dialogue: Sequence[Sample]) -> ToolCall | None:
    """The first call in ``dialogue`` whose history goes on from the sample's, an answer's.

    None if its tool is not on offer in the sample: the model chooses among those that are.
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
    """The sample with the next call as its tool: still an answer, its arguments labelled."""
    return sample.model_copy(update={"tool": call})
