"""Share of padding in batches of 32: length buckets against random batches."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.setup import prepared
from trm_engine.data.collator import LENGTH_STEP, BucketBatchSampler, padding_share


def measure() -> Iterator[str]:
    """One row."""
    lengths = np.asarray(prepared()[1].train.lengths)
    order = np.random.default_rng(0).permutation(len(lengths))
    random = np.split(order, range(32, len(order), 32))
    bucketed = BucketBatchSampler(lengths, 32).batches()
    rounded = -(-lengths // LENGTH_STEP) * LENGTH_STEP
    tokens = sum(len(batch) * int(rounded[batch].max()) for batch in bucketed)
    yield (
        f"random {padding_share(lengths, random):.1%}, "
        f"bucketed {padding_share(lengths, bucketed):.1%} of tokens, "
        f"{1 - int(lengths.sum()) / tokens:.1%} with lengths rounded up to {LENGTH_STEP}"
    )
