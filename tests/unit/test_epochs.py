"""The epoch axis: it rises with every update, though epochs differ in length."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trm_engine.data.collator import BucketBatchSampler
from trm_engine.training.epochs import Epochs
from trm_tui.store.growing import Points, Rising
from trm_tui.store.trace import Trace


@dataclass
class Run:
    """What a trainer walks through."""

    sampler: BucketBatchSampler
    batches: int
    count: int

    def epochs(self, most: int | None = None) -> Epochs:
        return Epochs(self.sampler, self.batches, self.count, most)

    def updates(self) -> list[tuple[int, int]]:
        """Epoch and position of every update, counted as the trainer does."""
        walked = []
        for epoch in range(self.count):
            self.sampler.set_epoch(epoch)
            groups = range(0, len(self.sampler.batches()), self.batches)
            walked += [(epoch, position + 1) for position in range(len(groups))]
        return walked


@st.composite
def runs(draw: st.DrawFn) -> Run:
    sizes = draw(st.lists(st.integers(1, 12), min_size=1, max_size=40))
    random = np.random.default_rng(draw(st.integers(0, 99)))
    sampler = BucketBatchSampler(
        random.integers(5, 200, sum(sizes)),
        batch_size=draw(st.integers(1, 16)),
        seed=draw(st.integers(0, 99)),
        max_tokens=draw(st.none() | st.integers(50, 2000)),
        dialogues=np.repeat(np.arange(len(sizes)), sizes),
    )
    return Run(sampler, draw(st.integers(1, 3)), draw(st.integers(1, 6)))


@given(runs(), st.floats(0, 1))
def test_the_epoch_rises_with_every_update_and_the_crosshair_finds_it(
    run: Run, share: float
) -> None:
    epochs, updates = run.epochs(), run.updates()
    axis = [epochs.done(*each) for each in updates]
    assert epochs.total == len(updates) == epochs.ends[-1]
    assert (np.diff([0.0, *axis]) > 0).all()
    whole = [place for place, epoch in enumerate(axis, 1) if epoch == int(epoch)]
    assert whole == epochs.ends
    assert axis[-1] == run.count
    wanted = int(share * (len(axis) - 1))
    steps = np.arange(1, len(axis) + 1)
    trace = Trace("loss", Points(steps), {"epoch": Rising(axis)})
    assert trace.nearest("epoch", axis[wanted]) == wanted


@given(runs(), st.integers(1, 30))
def test_a_run_that_ends_early_counts_no_more_epochs_than_it_needs(run: Run, most: int) -> None:
    epochs, all_of_them = run.epochs(most), run.epochs()
    assert epochs.total == min(most, all_of_them.total)
    assert epochs.ends == all_of_them.ends[: len(epochs.ends)]
    assert all(end < most for end in epochs.ends[:-1])


@given(runs())
def test_a_run_resumed_for_fewer_epochs_still_knows_where_it_is(run: Run) -> None:
    updates = run.updates()
    fewer = Epochs(run.sampler, run.batches, 1)
    assert [fewer.done(*each) for each in updates] == [run.epochs().done(*each) for each in updates]


def test_epochs_do_differ_in_length() -> None:
    """Else the tests above would say little."""
    dialogues = np.repeat(np.arange(30), np.arange(30) % 7 + 1)
    sampler = BucketBatchSampler(np.full(len(dialogues), 9), 8, dialogues=dialogues)
    lengths = np.diff([0, *Epochs(sampler, 1, 20).ends])
    assert len(set(lengths.tolist())) > 1


@pytest.mark.parametrize("count", [1, 3, 1_000_000])
def test_an_epoch_of_millions_tells_its_updates_apart(count: int) -> None:
    epochs = Epochs(BucketBatchSampler(np.full(1, 9), 1), 1, 1)
    epochs.ends = [count]
    assert epochs.done(0, count) == 1.0
    assert epochs.done(0, count - 1) < 1.0 or count == 1
