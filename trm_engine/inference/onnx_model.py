"""OnnxModel: an exported model on onnxruntime. Imports no torch."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trm_engine.config import TRMConfig
from trm_engine.data.catalogue_tokens import CatalogueTokens
from trm_engine.errors import CheckpointError
from trm_engine.exports.folder import NEEDS, OFFER, READ, STEP
from trm_engine.exports.signature import (
    ANSWERS,
    NEXT,
    SAID,
    START,
    TOKENS,
    earlier_names,
)
from trm_engine.inference.decoding import Logits
from trm_engine.inference.occurrences import ListedValues
from trm_engine.inference.readings import Readings, narrowed
from trm_engine.inference.turn_memory import TurnMemory, turns_of
from trm_engine.vocabulary import CAPITALISED, EOS_ID, FIRST_MARKER_ID, MASK_ID

MASKED_LOGIT = -1e4
"""The logit of tools that are not on offer, and of padding as part of a value."""

MOST_OFFER_BYTES = 32 << 20
"""Of what is kept of tools on offer."""

LONG = 512
"""Tokens of a conversation after which the memory that it took is given back: it grows with their
square. Taking it anew costs a tenth of the time of a short conversation."""

Feeds = dict[str, np.ndarray]


@dataclass(frozen=True)
class Offer:
    """The tools on offer in a conversation.

    Attributes:
        tools: their places in the catalogue, [K].
        listed: the listed values of the fields.
        feeds: what a step needs of them.
        readings: of the whole catalogue; held, for its id is a key.
    """

    tools: np.ndarray
    listed: ListedValues
    feeds: Feeds
    readings: Readings

    @property
    def bytes(self) -> int:
        """Of the feeds."""
        return sum(each.nbytes for each in self.feeds.values())


class OnnxModel:
    """The graphs of a folder. A conversation is computed alone, as far as it is new.

    Args:
        folder: where they are.
        config: the model's sizes.
        threads: of the processor.

    Raises:
        CheckpointError: onnxruntime is missing, or cannot read a graph.
    """

    def __init__(self, folder: Path, config: TRMConfig, threads: int = 1) -> None:
        self.config = config
        self.memory = TurnMemory()
        self._read, self._offer = (_session(folder / name, threads) for name in (READ, OFFER))
        self._step = _session(folder / STEP, threads, is_often_used=True)
        self._outputs = [each.name for each in self._step.get_outputs()]
        start = json.loads(self._step.get_modelmeta().custom_metadata_map[START])
        self._start = {name: np.array([start[name]], np.float32) for name in "yz"}
        self._long = _giving_memory_back()
        self._nothing = np.zeros((1, start["kept"], 0, config.hidden_size), np.float32)
        self._earlier = earlier_names(start["kept"])
        self._new = earlier_names(start["kept"], NEXT)
        self._offers: OrderedDict[tuple[int, bytes], Offer] = OrderedDict()

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
        shape = batch["tool_mask"].shape[1], batch["input_ids"].shape[1]
        offered = batch["tool_mask"].astype(bool)
        asked = [
            self._conversation(_tokens(batch, row), self._offered(readings, mask), steps)
            for row, mask in enumerate(offered)
        ]
        for _ in range(steps):
            yield _together([next(each) for each in asked], *shape)

    def _conversation(
        self, tokens: np.ndarray, offer: Offer, steps: int
    ) -> Iterator[tuple[Offer, Feeds]]:
        """The answers of each step to one conversation, with the tools on offer."""
        turns = turns_of(tokens)
        known = self.memory.recall(turns, steps)
        earlier = self._nothing.repeat(steps, axis=0) if known is None else known
        said = offer.listed.find(tokens[0].tolist())
        feeds = {**offer.feeds, **self._start, TOKENS: tokens, SAID: said}
        made: list[list[np.ndarray]] = []
        options = self._long if tokens.shape[1] > LONG else None
        for step in range(steps):
            feeds.update(zip(self._earlier, earlier[step], strict=True))
            run = self._step.run(self._outputs, feeds, options)
            found = dict(zip(self._outputs, run, strict=True))
            made.append([found[name] for name in self._new])
            feeds.update(y=found[f"{NEXT}y"], z=found[f"{NEXT}z"])
            answers = {name: found[name] for name in ANSWERS}
            if len(made) == steps:
                self.memory.keep(turns, known, made)
                del earlier, known, feeds, found, made  # megabytes, while a batch is computed
            yield offer, answers

    def _offered(self, readings: Readings, mask: np.ndarray) -> Offer:
        """What is computed of the tools on offer, once for all conversations with the same."""
        key = id(readings), mask.tobytes()
        found = self._offers.get(key)
        if found is None:
            tools = mask.nonzero()[0] if mask.any() else np.arange(1)
            args = np.arange(readings.catalogue.num_args)
            given = _catalogue(narrowed(readings, tools, args))
            given["offered"] = mask[None, tools]
            names = [each.name for each in self._offer.get_outputs()]
            taken = [each.name for each in self._offer.get_inputs()]
            run = self._offer.run(names, {name: given[name] for name in taken})
            feeds = dict(zip(names, run, strict=True))
            found = Offer(tools, ListedValues(readings.catalogue.values), feeds, readings)
            self._offers[key] = found
            while sum(each.bytes for each in self._offers.values()) > MOST_OFFER_BYTES:
                self._offers.popitem(last=False)
        self._offers.move_to_end(key)
        return found


def _tokens(batch: Mapping[str, np.ndarray], row: int) -> np.ndarray:
    """TOKENS of a conversation, see ``StepGraph``."""
    ids = batch["input_ids"][row]
    length = int(batch["attention_mask"][row].sum())
    length -= ids[length - 1] == EOS_ID
    ids = ids[:length]
    turns = ((ids >= FIRST_MARKER_ID) & (ids < MASK_ID)).cumsum()
    flags = batch["text_flags"][row, :length] & CAPITALISED
    return np.stack((ids, batch["role_ids"][row, :length], flags, turns))


def _catalogue(readings: Readings) -> Feeds:
    """What the graph of an offer takes."""
    catalogue = readings.catalogue
    return {
        "tools": readings.tools,
        "slots": readings.slots,
        "args": readings.args,
        "words": readings.words,
        "word_mask": readings.word_mask,
        "ids": catalogue.ids,
        "values": readings.values,
        "value_mask": readings.value_mask,
        "accepted": catalogue.accepted,
        "required": catalogue.required,
        "arg_slots": catalogue.arg_slots,
    }


def _together(found: Sequence[tuple[Offer, Feeds]], tools: int, length: int) -> Logits:
    """The answers of B conversations, padded to all tools and to the longest conversation.

    One alone keeps its length, which may be less than that of the batch (``_tokens``).
    """
    if len(found) == 1:
        offer, answers = found[0]
        length = answers["slot_start_logits"].shape[1]
        return Logits(**{name: _padded(name, offer, answers, tools, length) for name in ANSWERS})
    return Logits(
        **{
            name: np.concatenate([_padded(name, *each, tools, length) for each in found])
            for name in ANSWERS
        }
    )


def _padded(name: str, offer: Offer, found: Feeds, tools: int, length: int) -> np.ndarray:
    logits = found[name]
    if "tool" in name and len(offer.tools) < tools:
        every = np.full((1, tools), MASKED_LOGIT, np.float32)
        every[:, offer.tools] = logits
        return every
    if ("start" in name or "end" in name) and logits.shape[1] < length:
        every = np.full((1, length, logits.shape[2]), MASKED_LOGIT, np.float32)
        every[:, : logits.shape[1]] = logits
        return every
    return logits


def _giving_memory_back() -> Any:
    import onnxruntime

    options = onnxruntime.RunOptions()
    options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    return options


def _session(path: Path, threads: int, is_often_used: bool = False) -> Any:
    """A graph, ready to run. One that is often used is faster, for more memory: it keeps its
    weights twice, and the memory of a run for the next one (see ``LONG``)."""
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise CheckpointError(NEEDS.format(error.name)) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    if not is_often_used:
        options.add_session_config_entry("session.disable_prepacking", "1")
    # The export has optimised it.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.enable_cpu_mem_arena = is_often_used
    options.enable_mem_pattern = False  # sizes change from one conversation to the next
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no common class
        raise CheckpointError(f"{path}: onnxruntime cannot read it: {str(error)[:200]}") from None
