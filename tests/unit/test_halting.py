"""Halting in training: who leaves, what the others then learn, in one process and in several."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from threading import Barrier, Thread

import pytest
import torch
from torch import Tensor

from tests.e2e.runs import assert_same
from tests.events import Record, step_columns
from tests.models import batch_of, inputs_of, small_config, small_model
from tests.trainers import tiny_config, trainer_of
from tests.unit.test_supervision import apart, counts_of, gradients, part
from trm_engine.checkpoints.file import load_checkpoint
from trm_engine.config import Config
from trm_engine.data.collator import Batch
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.errors import ConfigError
from trm_engine.inference.halting import halting_step, halts
from trm_engine.models import TRMForToolCalling
from trm_engine.training.halting import Halting
from trm_engine.training.loop import Trainer
from trm_engine.training.losses import DeepSupervisionLoss, count_labels, num_samples
from trm_engine.training.supervision import Losses, Part, mask_words, per_step
from trm_engine.training.targets import Targets

SAMPLES = [0, 1, 2, 4, 11, 13, 59]
STEPS = 4


@pytest.fixture
def model(dataset: TRMToolCallingDataset) -> TRMForToolCalling:
    """A model of whose samples some halt at every step."""
    config = small_config(dataset.labels, N_supervision=STEPS, word_weight=0.5)
    found = small_model(config, spread=2)
    with torch.no_grad():
        inputs = inputs_of(apart(batch_of(dataset, SAMPLES)))
        found.heads.q.bias -= found.train_step(**inputs)[0].q_logits.median()
    return found


@pytest.fixture(scope="module")
def batch(dataset: TRMToolCallingDataset) -> Batch:
    return mask_words(batch_of(dataset, SAMPLES), 0.3, (7,))


def count(remaining: Sequence[Targets]) -> Tensor:
    return torch.stack([count_labels(each) for each in remaining]).sum(dim=0)


def halting(exploration: float = 0.0, epoch: int = 0) -> Halting:
    return Halting(exploration, STEPS, (0, epoch), count)


Steps = list[tuple[Losses, dict[str, Tensor]]]


def train(model: TRMForToolCalling, parts: Sequence[Part], halting: Halting | None) -> Steps:
    """Each step's losses and gradients; the weights stay as they are."""
    loss_fn = DeepSupervisionLoss(model.config)
    steps = per_step(model, loss_fn, parts, counts_of(parts), halting=halting)
    return [(losses, gradients(model)) for [losses] in steps]


def set_q(model: TRMForToolCalling, logit: float) -> None:
    with torch.no_grad():
        model.heads.q.weight.zero_()
        model.heads.q.bias.fill_(logit)


# --- who halts ----------------------------------------------------------------------------------


def test_where_q_never_halts_gradients_are_those_without_halting(
    model: TRMForToolCalling, batch: Batch
) -> None:
    set_q(model, -1.0)
    halts = halting()
    for one, other in zip(
        train(model, [part(model, batch)], halts),
        train(model, [part(model, batch)], None),
        strict=True,
    ):
        assert_same(one, other)
    assert halts.steps_per_sample == STEPS


@pytest.mark.parametrize("shared", [True, False])
def test_where_q_always_halts_one_step_is_trained(
    model: TRMForToolCalling, batch: Batch, shared: bool
) -> None:
    set_q(model, 1.0)
    halts = halting()
    [(losses, found)] = train(model, [part(model, batch if shared else apart(batch))], halts)
    assert halts.steps_per_sample == 1
    first = train(model, [part(model, batch if shared else apart(batch))], None)[0]
    assert_same((losses, found), first)


def test_a_drawn_share_trains_a_drawn_number_of_steps_first(model: TRMForToolCalling) -> None:
    """Whatever q says; by the sample and the epoch, not by what else is in the batch."""
    samples = torch.arange(2000)
    sure = torch.ones(2000, 1)
    halts = halting(exploration=0.25)
    stay = [halts.stays(samples, sure, step).float().mean() for step in range(1, STEPS + 1)]
    # of a quarter all go on after step 1, two thirds after step 2, a third after step 3
    assert stay == pytest.approx([1 / 4, 2 / 12, 1 / 12, 0], abs=0.03)

    order = torch.randperm(2000)
    for step in range(1, STEPS):
        stays = halts.stays(samples, sure, step)
        assert torch.equal(halts.stays(samples[order], sure, step), stays[order])
        assert not torch.equal(halting(0.25, epoch=1).stays(samples, sure, step), stays)
    assert halts.stays(samples, -sure, STEPS).all()


# --- what the others learn ----------------------------------------------------------------------


def halted_after(model: TRMForToolCalling, batch: Batch) -> list[int]:
    """The step after which each sample halts, by the model's outputs without halting."""
    context = model.embedding(
        model.read(),
        batch["input_ids"],
        batch["attention_mask"],
        batch["role_ids"],
        batch["text_flags"],
    )
    q = torch.stack([output.q_logits[:, 0] for output in model.supervision_steps(context)])
    firsts = (q > 0).int().argmax(dim=0)
    return (firsts.where((q > 0).any(dim=0), torch.tensor(STEPS - 1)) + 1).tolist()


@pytest.mark.parametrize("shared", [True, False])
def test_a_step_is_that_of_the_samples_that_remain(
    dataset: TRMToolCallingDataset, model: TRMForToolCalling, shared: bool
) -> None:
    """Losses and gradients; whether or not samples read the same tokens."""
    batch = batch_of(dataset, SAMPLES)
    last = halted_after(model, apart(batch))
    assert len(set(last)) > 1, "the samples should halt at different steps"
    halts = halting()
    found = train(model, [part(model, batch if shared else apart(batch))], halts)
    assert len(found) == max(last)
    assert halts.steps_per_sample == pytest.approx(sum(last) / len(last))
    for number, (losses, gradient) in enumerate(found, 1):
        rows = [row for row, step in enumerate(last) if step >= number]
        alone = apart({name: value[rows] for name, value in batch.items()})
        other_losses, other = train(model, [part(model, alone)], None)[number - 1]
        for name, loss in losses.items():
            assert torch.allclose(loss, other_losses[name], atol=1e-5), name
        for name, tensor in gradient.items():
            assert (tensor - other[name]).abs().max() < 1e-5, name


def test_hidden_words_stay_labels_while_a_sample_reads_them(batch: Batch) -> None:
    targets, read_from = Targets.of(batch), batch["read_from"]
    assert targets.words is not None
    shared = [row for row in range(len(read_from)) if (read_from == read_from[row]).sum() > 1]
    assert len(shared) > 1
    for rows in ([shared[0]], shared[:2], [*range(len(read_from))], [len(read_from) - 1], []):
        kept = targets.rows(torch.tensor(rows, dtype=torch.long), read_from)
        assert kept.words is not None
        assert kept.decision.tolist() == targets.decision[rows].tolist()
        read = read_from[rows].unique()
        assert (kept.words >= 0).sum() == (targets.words[read] >= 0).sum()
        for row, words in zip(rows, kept.words, strict=True):
            is_hidden = words >= 0
            assert torch.equal(words[is_hidden], targets.words[read_from[row]][is_hidden])
        assert float(num_samples(count_labels(kept))) == len(rows)


def test_hidden_words_of_those_that_remain_are_learnt(
    model: TRMForToolCalling, batch: Batch
) -> None:
    """The mean over the hidden words of the sequences that are still read."""
    found = train(model, [part(model, batch)], halting())
    plain = train(model, [part(model, batch)], None)
    assert torch.equal(found[0][0]["word_loss"], plain[0][0]["word_loss"])
    assert len(found) > 1
    for losses, _ in found[1:]:
        assert 0 < float(losses["word_loss"]) < 20


def test_accumulated_parts_halt_as_the_whole_batch(
    dataset: TRMToolCallingDataset, model: TRMForToolCalling
) -> None:
    whole = train(model, [part(model, batch_of(dataset, SAMPLES))], halting(0.5))
    halves = [
        part(model, batch_of(dataset, SAMPLES[:2])),
        part(model, batch_of(dataset, SAMPLES[2:])),
    ]
    parts = train(model, halves, halting(0.5))
    for (losses, gradient), (other_losses, other) in zip(whole, parts, strict=True):
        for name in losses:
            assert torch.allclose(losses[name], other_losses[name], atol=1e-5), name
        for name in gradient:
            assert (gradient[name] - other[name]).abs().max() < 1e-5, name


def test_processes_halt_together_and_learn_what_one_learns(
    dataset: TRMToolCallingDataset, model: TRMForToolCalling
) -> None:
    """As many steps in each, be it without samples; gradients sum up to those of one process."""
    last = halted_after(model, apart(batch_of(dataset, SAMPLES)))
    shares = [
        [s for s, step in zip(SAMPLES, last, strict=True) if (step == 1) == early]
        for early in (True, False)
    ]
    assert all(shares), "one process should have no samples left after the first step"
    meeting, given = Barrier(2), [torch.empty(0)] * 2
    results: list[Steps] = [[], []]

    def process(rank: int) -> None:
        def count_all(remaining: Sequence[Targets]) -> Tensor:
            given[rank] = count(remaining)
            meeting.wait(60)
            total = given[0] + given[1]
            meeting.wait(60)
            return total

        own = deepcopy(model)
        parts, loss_fn = (
            [part(model, batch_of(dataset, shares[rank]))],
            DeepSupervisionLoss(model.config),
        )
        steps = per_step(
            own,
            loss_fn,
            parts,
            count([each.targets for each in parts]),
            halting=Halting(0.0, STEPS, (0,), count_all),
        )
        results[rank] = [(losses, gradients(own)) for [losses] in steps]

    threads = [Thread(target=process, args=(rank,)) for rank in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    alone = train(model, [part(model, batch_of(dataset, SAMPLES))], halting())
    for (losses, gradient), *others in zip(alone, *results, strict=True):
        for name in losses:
            total = sum(other[name] for other, _ in others if other)
            assert torch.allclose(losses[name], torch.as_tensor(total), atol=1e-5), name
        for name in gradient:
            total = sum(other[name] for _, other in others)
            assert (gradient[name] - total).abs().max() < 1e-5, name


# --- a whole run --------------------------------------------------------------------------------


def halting_trainer(folder: Path, events: list[Record]) -> Trainer:
    """A run in this process whose q halts all samples that need not explore."""
    folder.mkdir()
    config = tiny_config(
        folder,
        supervision="per_step",
        halting=True,
        halt_exploration=0.5,
        deep_share=0.9,
        word_dropout=0.1,
        gradient_accumulation_steps=2,
        batch_size=4,
        max_steps=8,
        save_interval=3,
    )
    config.model.N_supervision = STEPS
    config.model.word_weight = 0.25
    config.model.next_call_weight = 0.5
    trainer = trainer_of(config, events)
    trainer.checkpoints.folder.mkdir()
    with torch.no_grad():
        trainer.model.heads.q.bias.fill_(1.0)
    return trainer


def test_a_halting_run_resumes_bit_for_bit_and_tells_its_steps(tmp_path: Path) -> None:
    events: list[Record] = []
    whole = halting_trainer(tmp_path / "whole", events)
    whole.run()
    told = step_columns(event for event in events if event["type"] == "steps")
    steps = told["steps_per_sample"]
    assert len(steps) == 8
    assert all(1 <= mean <= len(by) for mean, by in zip(steps, told["by_step"], strict=True))
    assert any(1 < mean < STEPS for mean in steps)

    resumed = halting_trainer(tmp_path / "resumed", [])
    resumed.load(load_checkpoint(whole.checkpoints.path("step", 3)))
    resumed.run()
    one, other = (load_checkpoint(each.checkpoints.path("last")) for each in (whole, resumed))
    for key in ("model_state_dict", "ema_state_dict", "optimizer_state_dict", "metrics"):
        assert_same(one[key], other[key], key)


def test_halting_needs_a_step_of_its_own_for_each_supervision_step(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("training:\n  halting: true\n")
    with pytest.raises(ConfigError) as caught:
        Config.from_yaml(path)
    said = f"{path}, line 2: training.halting: halting needs supervision: per_step"
    assert str(caught.value).startswith(said)
    path.write_text("training:\n  supervision: per_step\n  halting: true\n")
    assert Config.from_yaml(path).training.halting
    with pytest.raises(ConfigError, match="halting needs supervision"):
        Config.from_yaml(path, ["training.supervision=averaged"])


# --- halting in use -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("q", "step"),
    [([0.1, 0.9, 0.95], 2), ([0.89], None), ([0.95, 0.1], 1), ([float("nan"), 0.9], 2), ([], None)],
)
def test_a_sample_stops_at_the_first_step_that_reaches_the_threshold(
    q: list[float], step: int | None
) -> None:
    assert halting_step(q, 0.9) == step
    reached = halts(torch.tensor(q, dtype=torch.float64), 0.9)
    assert reached.tolist() == [halts(each, 0.9) for each in q]
