"""Batches: dialogues of similar length, padded, in a reproducible order."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad
from torch.utils.data import DataLoader, Sampler

from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.data.encoding import SEQUENCES
from trm_engine.data.prefixes import read_from

POOL_BATCHES = 50
"""Number of batches whose samples are sorted together: more means less padding, less randomness."""

LENGTH_STEP = 32
"""Lengths are rounded up to a multiple of this. Kernels are cached per shape."""

PLURALS = {
    "decision_label": "decision_labels",
    "tool_name_label": "tool_name_labels",
    "next_tool_label": "next_tool_labels",
}
Batch = dict[str, Tensor]


class TRMCollator:
    """Joins B items of the dataset into a batch of tensors, padded to its longest item L.

    ``input_ids``, ``attention_mask``, ``role_ids``, ``turn_ids``, ``text_flags`` [B, L];
    ``decision_labels``, ``tool_name_labels``, ``next_tool_labels``, ``sample_index``,
    ``dialogue`` [B]; ``read_from`` [B]: the sample whose tokens begin with a sample's own;
    ``tool_mask`` [B, T];
    ``slot_presence_labels``, ``slot_choice_labels`` [B, S]; ``arg_presence_labels``,
    ``arg_choice_labels`` [B, A];
    ``slot_span_labels`` [B, S, M, 2] and ``arg_span_labels`` [B, A, M, 2]: first and last token of
    each of at most M occurrences, -1 for none.

    Args:
        pad_token_id: id of padding.
        pad_to_multiple: L is rounded up to a multiple of this, for fewer shapes.
    """

    def __init__(self, pad_token_id: int = 0, pad_to_multiple: int = 1) -> None:
        self.pad_token_id = pad_token_id
        self.pad_to_multiple = pad_to_multiple

    def __call__(self, items: Sequence[dict[str, Tensor]]) -> Batch:
        longest = max(len(item["input_ids"]) for item in items)
        length = -(-longest // self.pad_to_multiple) * self.pad_to_multiple
        batch = {"read_from": read_from(items)}
        for name in items[0]:
            values = [item[name] for item in items]
            if name in SEQUENCES:
                filler = self.pad_token_id if name == "input_ids" else 0
                batch[name] = torch.stack(
                    [pad(value, (0, length - len(value)), value=filler) for value in values]
                )
            elif name.endswith("_spans"):
                channels = items[0][name.replace("spans", "presence_labels")].shape[0]
                batch[name.replace("spans", "span_labels")] = _span_labels(values, channels)
            else:
                batch[PLURALS.get(name, name)] = torch.stack(values)
        return batch


class BucketBatchSampler(Sampler[list[int]]):
    """Shuffled batches of samples of similar length. The order depends only on seed and epoch.

    Args:
        lengths: tokens of each sample, [N].
        batch_size: maximum number of samples in a batch.
        shuffle: if false, batches are ordered by length, shortest first.
        seed: seed of the order.
        max_tokens: maximum of samples times longest sample in a batch.
        dialogues: id of each sample's dialogue. A dialogue stays in one batch if it fits, [N].
    """

    def __init__(
        self,
        lengths: np.ndarray,
        batch_size: int,
        shuffle: bool = True,
        seed: int = 0,
        max_tokens: int | None = None,
        dialogues: np.ndarray | None = None,
    ) -> None:
        self._lengths = np.asarray(lengths)
        self.batch_size = batch_size
        self._shuffle = shuffle
        self._seed = seed
        self._max_tokens = max_tokens or math.inf
        self.epoch = 0
        self._parts = self._split(np.arange(len(self._lengths)) if dialogues is None else dialogues)
        self._sizes = np.array([len(part) for part in self._parts], dtype=np.int64)
        self._longest = np.array([self._lengths[part[-1]] for part in self._parts])

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch, which decides the order of the next iteration."""
        self.epoch = epoch

    def batches(self) -> list[np.ndarray]:
        """The sample indices of each batch of the epoch."""
        random = self._random()
        groups = self._groups(random)
        batches = [np.concatenate([self._parts[part] for part in group]) for group in groups]
        if not self._shuffle:
            return batches
        return [batches[place] for place in random.permutation(len(batches))]

    def __iter__(self) -> Iterator[list[int]]:
        for batch in self.batches():
            yield batch.tolist()

    def __len__(self) -> int:
        return len(self._groups(self._random()))

    def _random(self) -> np.random.Generator:
        return np.random.default_rng((self._seed, self.epoch))

    def _groups(self, random: np.random.Generator) -> list[np.ndarray]:
        """The parts of each batch, before the batches are shuffled."""
        if not self._shuffle:
            return self._join(np.arange(len(self._parts)))
        order = random.permutation(len(self._parts))
        pool = max(1, POOL_BATCHES * self.batch_size * len(order) // max(1, len(self._lengths)))
        pools = (order[begin : begin + pool] for begin in range(0, len(order), pool))
        return [group for parts in pools for group in self._join(parts)]

    def _split(self, dialogues: np.ndarray) -> list[np.ndarray]:
        """Each dialogue's samples, shortest first, split into parts that fit into a batch."""
        return [
            part
            for samples in by_dialogue(dialogues, self._lengths)
            for part in np.split(
                samples, self._borders(np.ones_like(samples), self._lengths[samples])
            )
        ]

    def _join(self, parts: np.ndarray) -> list[np.ndarray]:
        """Groups of parts of similar length, one per batch."""
        parts = parts[np.argsort(self._longest[parts], kind="stable")]
        borders = self._borders(self._sizes[parts], self._longest[parts])
        return np.split(parts, borders) if len(parts) else []

    def _borders(self, sizes: np.ndarray, longest: np.ndarray) -> list[int]:
        """The first part of each batch, for as many parts per batch as both limits allow.

        ``sizes`` and ``longest`` are the samples and the longest sample of each part.
        """
        borders: list[int] = []
        samples = 0
        for place, (size, tokens) in enumerate(zip(sizes.tolist(), longest.tolist(), strict=True)):
            samples += size
            if place and (samples > self.batch_size or samples * tokens > self._max_tokens):
                borders.append(place)
                samples = size
        return borders


def by_dialogue(dialogues: np.ndarray, lengths: np.ndarray) -> list[np.ndarray]:
    """The places of each dialogue's samples, shortest first; dialogues, lengths [N]."""
    order = np.lexsort((lengths, dialogues))
    borders = np.flatnonzero(np.diff(dialogues[order])) + 1
    return np.split(order, borders) if len(order) else []


def split_batch(
    batch: np.ndarray, dialogues: np.ndarray, lengths: np.ndarray, shares: int
) -> list[np.ndarray]:
    """Split a batch into ``shares`` parts, one per process. Dialogues stay together.

    ``batch``, ``dialogues``, ``lengths`` [B]. The longest dialogues are assigned first, each to the
    part with the fewest tokens. A dialogue costs as much as its longest sample. Parts can be empty.
    """
    own = by_dialogue(dialogues, lengths)
    parts: list[list[np.ndarray]] = [[] for _ in range(shares)]
    loads = np.zeros(shares)
    for places in sorted(own, key=lambda places: -lengths[places[-1]]):
        lightest = int(loads.argmin())
        parts[lightest].append(places)
        loads[lightest] += lengths[places[-1]]
    none = np.arange(0)
    return [batch[np.sort(np.concatenate([none, *part]))] for part in parts]


def create_dataloader(
    dataset: TRMToolCallingDataset,
    batch_size: int = 32,
    shuffle: bool = True,
    seed: int = 0,
    max_tokens: int | None = None,
    whole_dialogues: bool = False,
    **options: Any,
) -> DataLoader[Batch]:
    """A DataLoader of length-bucketed batches. ``options`` are passed to torch's DataLoader."""
    dialogues = dataset.dialogues if whole_dialogues else None
    sampler = BucketBatchSampler(dataset.lengths, batch_size, shuffle, seed, max_tokens, dialogues)
    collator = TRMCollator(pad_to_multiple=LENGTH_STEP)
    return DataLoader(dataset, batch_sampler=sampler, collate_fn=collator, **options)


def padding_share(lengths: np.ndarray, batches: Sequence[np.ndarray]) -> float:
    """The share of padding in the batches."""
    padded = sum(len(batch) * int(lengths[batch].max()) for batch in batches)
    return 1 - int(lengths.sum()) / padded


def _span_labels(spans: Sequence[Tensor], channels: int) -> Tensor:
    """[B, channels, M, 2] from each sample's rows (channel, start, end)."""
    placed = [_numbered(rows) for rows in spans]
    most = max((int(numbers.max()) + 1 for _, numbers in placed if len(numbers)), default=1)
    labels = torch.full((len(spans), channels, most, 2), -1, dtype=torch.long)
    for sample, (rows, numbers) in enumerate(placed):
        labels[sample, rows[:, 0], numbers] = rows[:, 1:]
    return labels


def _numbered(rows: Tensor) -> tuple[Tensor, Tensor]:
    """The rows, and each row's number within its channel. Rows are sorted by channel."""
    channels = rows[:, 0]
    first = torch.searchsorted(channels.contiguous(), channels.contiguous())
    return rows, torch.arange(len(rows)) - first
