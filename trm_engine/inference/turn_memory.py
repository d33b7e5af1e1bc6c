"""Turn memory: what later turns see of earlier ones, kept from one request to the next.

A token sees its own turn and earlier ones, so what was computed of a turn holds in every
conversation that begins with the same turns.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from hashlib import blake2b

import numpy as np

MOST_BYTES = 16 << 20

Place = tuple[bytes, int, int]
"""A turn: a hash of the conversation up to its end, and where it begins and ends."""


class TurnMemory:
    """Arrays of turns, those last used. It can be used by several threads at once.

    Args:
        most_bytes: of all arrays.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self.most_bytes = most_bytes
        self.bytes = 0
        self._turns: OrderedDict[bytes, np.ndarray] = OrderedDict()
        self._lock = threading.Lock()

    def recall(self, turns: Sequence[Place], steps: int) -> list[np.ndarray]:
        """What is known of the first turns of a conversation, [steps, K, l, D] of l tokens each.

        ``steps``: the supervision steps that are needed. The last turn is never known: there must
        be something to compute.
        """
        found = []
        with self._lock:
            for key, _, _ in turns[:-1]:
                kept = self._turns.get(key)
                if kept is None or len(kept) < steps:
                    break
                self._turns.move_to_end(key)
                found.append(kept[:steps])
        return found

    def keep(self, turns: Sequence[Place], known: int, states: Sequence[np.ndarray]) -> None:
        """Keep what each step gave, [K, L - known, D], of the tokens after the first ``known``."""
        with self._lock:
            for key, begin, end in turns:
                if begin < known:
                    continue
                turn = np.stack([each[:, begin - known : end - known] for each in states])
                self._forget(key)
                self._turns[key] = turn
                self.bytes += turn.nbytes
            while self.bytes > self.most_bytes:
                self._forget(next(iter(self._turns)))

    def _forget(self, key: bytes) -> None:
        self.bytes -= getattr(self._turns.pop(key, None), "nbytes", 0)


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
