"""Turn memory: what later turns see of earlier ones, kept from one request to the next.

A token sees its own turn and earlier ones, so what was computed of a turn holds in every
conversation that begins with the same turns.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np

MOST_BYTES = 16 << 20
SPARE = 64
"""Tokens that a conversation can grow by before what is kept of it is copied."""

Place = tuple[bytes, int, int]
"""A turn: a hash of the conversation up to its end, and where it begins and ends."""


@dataclass(eq=False)
class _Kept:
    """One conversation: ``states`` [steps, K, room, D], of which the first ``length`` tokens are
    written, and the hashes of the turns that were looked for in it. What is written stays as it is,
    so that others may read it."""

    states: np.ndarray
    length: int = 0
    keys: set[bytes] = field(default_factory=set)


class TurnMemory:
    """What was computed of conversations, those last used. Several threads may use it at once.

    Args:
        most_bytes: of all arrays.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self.most_bytes = most_bytes
        self.bytes = 0
        self._kept: OrderedDict[int, _Kept] = OrderedDict()
        self._of_turn: dict[bytes, _Kept] = {}
        self._lock = threading.Lock()

    def recall(self, turns: Sequence[Place], steps: int) -> np.ndarray | None:
        """What is known of the first turns of a conversation, [steps, K, P, D] of P tokens.

        ``steps``: the supervision steps that are needed. The last turn is never known: there must
        be something to compute.
        """
        with self._lock:
            for key, _, end in reversed(turns[:-1]):
                kept = self._of_turn.get(key)
                if kept is not None and len(kept.states) >= steps:
                    self._kept.move_to_end(id(kept))
                    return kept.states[:steps, :, :end]
        return None

    def keep(
        self, turns: Sequence[Place], known: np.ndarray | None, new: Sequence[Sequence[np.ndarray]]
    ) -> None:
        """Keep what each step gave, K times [L - P, D], of the tokens after the ``known`` ones."""
        begin, (last, _, length) = 0 if known is None else known.shape[2], turns[-1]
        with self._lock:
            same = self._of_turn.get(last)
            if same is not None and len(same.states) >= len(new):
                return
            before = next((key for key, _, end in turns if end == begin), b"")
            kept = self._of_turn.get(before)
            if kept is None or not _has_room(kept, begin, length, len(new)):
                if kept is not None and kept.length == begin:
                    self._forget(id(kept))  # it goes on in a larger array
                kept = _Kept(_room_for(new, length))
                if known is not None:
                    kept.states[:, :, :begin] = known
                self._kept[id(kept)] = kept
                self.bytes += kept.states.nbytes
            for states, step in zip(kept.states, new, strict=True):
                for kind, each in zip(states, step, strict=True):
                    kind[begin:length] = each
            kept.length = length
            kept.keys.update(key for key, _, _ in turns)
            self._of_turn.update(dict.fromkeys(kept.keys, kept))
            while self.bytes > self.most_bytes:
                self._forget(next(iter(self._kept)))

    def _forget(self, number: int) -> None:
        kept = self._kept.pop(number)
        self.bytes -= kept.states.nbytes
        for key in kept.keys:
            if self._of_turn.get(key) is kept:
                del self._of_turn[key]


def _has_room(kept: _Kept, begin: int, length: int, steps: int) -> bool:
    """Whether a conversation of ``length`` tokens can go on in it after the first ``begin``."""
    return kept.length == begin and length <= kept.states.shape[2] and len(kept.states) == steps


def _room_for(new: Sequence[Sequence[np.ndarray]], length: int) -> np.ndarray:
    return np.empty((len(new), len(new[0]), length + SPARE, new[0][0].shape[1]), np.float32)


def turns_of(tokens: np.ndarray) -> list[Place]:
    """The turns of a conversation, from all that the model reads of each token, [..., L]; the last
    row is the turn of each."""
    ends = [*(np.flatnonzero(np.diff(tokens[-1])) + 1).tolist(), tokens.shape[1]]
    rows, begin, digest = np.ascontiguousarray(tokens.T).tobytes(), 0, blake2b(digest_size=16)
    size, found = len(rows) // tokens.shape[1], []
    for end in ends:
        digest.update(rows[begin * size : end * size])
        found.append((digest.digest(), begin, end))
        begin = end
    return found
