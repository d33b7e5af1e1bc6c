"""OnnxModel: an exported model on onnxruntime, with the methods that the predictor uses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trm_engine.config import TRMConfig
from trm_engine.data.catalogue_tokens import CatalogueTokens
from trm_engine.errors import CheckpointError
from trm_engine.exports.folder import NEEDS, READ, STEP
from trm_engine.exports.graphs import SAID
from trm_engine.models.embeddings import SHARED_REGISTERS, tool_places
from trm_engine.models.heads import TRMOutput
from trm_engine.models.heads.said_values import occurrences
from trm_engine.models.readings import Readings
from trm_engine.vocabulary import EOS_ID

START = "start"
"""The key of y and z before the first step, in the graph's metadata."""

Feeds = dict[str, np.ndarray]


class OnnxModel:
    """The two graphs of a folder. They run on one thread.

    Raises:
        CheckpointError: onnxruntime is missing, or cannot read a graph.
    """

    def __init__(self, folder: Path, config: TRMConfig) -> None:
        self.config = config
        self._read = _session(folder / READ)
        self._step = _session(folder / STEP)
        start = json.loads(self._step.get_modelmeta().custom_metadata_map[START])
        self._start = [np.array(each, np.float32) for each in start]

    def read(self, catalogue: CatalogueTokens) -> Readings:
        """Read a catalogue; see ``TRMForToolCalling.read``."""
        names = [each.name for each in self._read.get_inputs()]
        found = self._read.run(None, {name: getattr(catalogue, name).numpy() for name in names})
        summaries, words, word_mask, values, value_mask = map(torch.from_numpy, found)
        read = words[: catalogue.num_tools], word_mask[: catalogue.num_tools]
        return Readings(summaries, *read, values, value_mask, catalogue)

    def embedding(self, readings: Readings, tool_mask: Tensor, **conversations: Tensor) -> Feeds:
        """What each step is given: B conversations, [B, L] each, with their tools [B, T]."""
        catalogue = readings.catalogue
        places = tool_places(tool_mask.bool())
        given = {
            **conversations,
            "tool_mask": tool_mask.bool(),
            "tool_places": places,
            "tools": readings.tools,
            "slots": readings.slots,
            "args": readings.args,
            "words": readings.words,
            "word_mask": readings.word_mask,
            "values": readings.values,
            "value_mask": readings.value_mask,
            "accepted": catalogue.accepted,
            "required": catalogue.required,
            "arg_slots": catalogue.arg_slots,
        }
        ids = conversations["input_ids"]
        token_mask = (conversations["attention_mask"] > 0) & (ids != EOS_ID)
        found = occurrences(catalogue.values, ids, token_mask, torch.arange(len(ids)))
        given |= zip(SAID, found, strict=True)
        return {name: tensor.numpy() for name, tensor in given.items()}

    def supervision_steps(self, context: Feeds, steps: int | None = None) -> Iterator[TRMOutput]:
        """The outputs of steps 1, 2, ... up to N_sup, or ``steps``."""
        state = self._first(context)
        names = [each.name for each in self._step.get_outputs()]
        taken = {each.name for each in self._step.get_inputs()}
        for _ in range(steps or self.config.N_supervision):
            feeds = {name: each for name, each in {**context, **state}.items() if name in taken}
            found = dict(zip(names, self._step.run(names, feeds), strict=True))
            state = {name: found.pop(f"next_{name}") for name in state}
            y, z = (torch.from_numpy(state[name]) for name in ("y_tokens", "z_tokens"))
            answers = {name: torch.from_numpy(each) for name, each in found.items()}
            yield TRMOutput(**answers, y=y, z=z)

    def _first(self, context: Feeds) -> Feeds:
        """y and z before the first step."""
        samples, length = context["input_ids"].shape
        registers = SHARED_REGISTERS + len(context["slots"]) + context["tool_places"].shape[1]
        return {
            f"{name}_{part}": np.broadcast_to(vector, (samples, count, len(vector))).copy()
            for name, vector in zip("yz", self._start, strict=True)
            for part, count in (("tokens", length), ("registers", registers))
        }


def _session(path: Path) -> Any:
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise CheckpointError(NEEDS.format(error.name)) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.enable_cpu_mem_arena = False
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no common class
        raise CheckpointError(f"{path}: onnxruntime cannot read it: {str(error)[:200]}") from None
