"""OnnxModel: an exported model on onnxruntime, with the methods that the predictor uses."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from trm_engine.config import TRMConfig
from trm_engine.data.catalogue_tokens import CatalogueTokens
from trm_engine.errors import CheckpointError
from trm_engine.exports.folder import NEEDS, READ, STEP
from trm_engine.exports.signature import SAID, START
from trm_engine.inference.decoding import Logits
from trm_engine.inference.occurrences import occurrences
from trm_engine.inference.readings import Readings
from trm_engine.vocabulary import EOS_ID

Feeds = dict[str, np.ndarray]


class OnnxModel:
    """The two graphs of a folder.

    Args:
        folder: where they are.
        config: the model's sizes.
        threads: of the processor.

    Raises:
        CheckpointError: onnxruntime is missing, or cannot read a graph.
    """

    def __init__(self, folder: Path, config: TRMConfig, threads: int = 1) -> None:
        self.config = config
        self._read = _session(folder / READ, threads)
        self._step = _session(folder / STEP, threads)
        start = json.loads(self._step.get_modelmeta().custom_metadata_map[START])
        self._shared_registers = start["registers"]
        self._start = [np.array(start[name], np.float32) for name in "yz"]

    def read(self, catalogue: CatalogueTokens) -> Readings:
        """Read a catalogue; see ``TRMForToolCalling.read``."""
        names = [each.name for each in self._read.get_inputs()]
        found = self._read.run(None, {name: getattr(catalogue, name) for name in names})
        summaries, words, word_mask, values, value_mask = found
        read = words[: catalogue.num_tools], word_mask[: catalogue.num_tools]
        return Readings(summaries, *read, values, value_mask, catalogue)

    def steps(
        self, readings: Readings, batch: Mapping[str, np.ndarray], steps: int
    ) -> Iterator[Logits]:
        """The logits of steps 1, 2, ... for conversations, given as ``INPUTS``."""
        context = _context(readings, batch)
        state = self._first(context)
        names = [each.name for each in self._step.get_outputs()]
        taken = {each.name for each in self._step.get_inputs()}
        for _ in range(steps):
            feeds = {name: each for name, each in {**context, **state}.items() if name in taken}
            found = dict(zip(names, self._step.run(names, feeds), strict=True))
            state = {name: found.pop(f"next_{name}") for name in state}
            yield Logits(**found)

    def _first(self, context: Feeds) -> Feeds:
        """y and z before the first step."""
        samples, length = context["input_ids"].shape
        offered = context["tool_places"].shape[1]
        registers = self._shared_registers + len(context["slots"]) + offered
        return {
            f"{name}_{part}": np.broadcast_to(vector, (samples, count, len(vector))).copy()
            for name, vector in zip("yz", self._start, strict=True)
            for part, count in (("tokens", length), ("registers", registers))
        }


def tool_places(tool_mask: np.ndarray) -> np.ndarray:
    """The tools that each sample may call, [B, T] to [B, K], then others up to the most of any."""
    most = max(1, int(tool_mask.sum(axis=1).max()))
    return np.argsort(~tool_mask, axis=1, kind="stable")[:, :most]


def _context(readings: Readings, batch: Mapping[str, np.ndarray]) -> Feeds:
    """What each step is given."""
    catalogue, ids = readings.catalogue, batch["input_ids"]
    offered = batch["tool_mask"].astype(bool)
    token_mask = (batch["attention_mask"] > 0) & (ids != EOS_ID)
    said = occurrences(catalogue.values, ids, token_mask, np.arange(len(ids)))
    return {
        **batch,
        **dict(zip(SAID, said, strict=True)),
        "tool_mask": offered,
        "tool_places": tool_places(offered),
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


def _session(path: Path, threads: int) -> Any:
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise CheckpointError(NEEDS.format(error.name)) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    options.enable_cpu_mem_arena = False
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no common class
        raise CheckpointError(f"{path}: onnxruntime cannot read it: {str(error)[:200]}") from None
