"""The catalogue of a batch: what is read, hidden and renamed in training."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from tests.models import batch_of, inputs_of, reading_model
from tests.support import TOOLS, dialogues, write_jsonl
from trm_engine.data.catalogue_tokens import DESCRIPTION, NAME, CatalogueTokens
from trm_engine.data.collator import Batch
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.data.early_calls import REQUIRES_NOTHING
from trm_engine.data.tokenizer import TRMTokenizer
from trm_engine.models import TRMForToolCalling
from trm_engine.models.heads import TRMOutput
from trm_engine.training.catalogue import (
    narrowed,
    renamed,
    reworded,
    without_requirements,
    without_words,
)
from trm_engine.training.losses import TOTAL, DeepSupervisionLoss, count_labels
from trm_engine.training.supervision import Part, averaged, embed, per_step
from trm_engine.training.targets import Targets
from trm_engine.vocabulary import MASK_ID

EXTRA = {
    "type": "function",
    "function": {
        "name": "pay_bill",
        "description": "Pay a bill that is open",
        "parameters": {
            "properties": {"amount": {"type": "number"}, "plan": {"type": "string"}},
            "required": ["amount"],
        },
    },
}


@pytest.fixture(scope="module")
def offered(
    tmp_path_factory: pytest.TempPathFactory, tokenizer: TRMTokenizer
) -> TRMToolCallingDataset:
    """Conversations that offer unlike tools; one tool is offered to the last of them only."""
    folder = tmp_path_factory.mktemp("offered")
    records = dialogues(6)
    for number, record in enumerate(records):
        record["tools"] = [[TOOLS[0]], TOOLS, [TOOLS[1], TOOLS[0]]][number % 3]
        if record["decision"] == "tool_call" and number % 3 == 2:
            record["tools"] = [TOOLS[1]]
    records[-1]["tools"] = [EXTRA, *TOOLS]
    records[0]["tools"] = [EXTRA, *TOOLS]
    path = write_jsonl(folder / "data.jsonl", records)
    return TRMToolCallingDataset(path, tokenizer, cache_dir=folder)


@pytest.fixture
def model(offered: TRMToolCallingDataset) -> TRMForToolCalling:
    return reading_model(offered, next_call_weight=0.5)


def gradients(model: TRMForToolCalling) -> Tensor:
    found = torch.cat([w.grad.flatten() for w in model.parameters() if w.grad is not None])
    model.zero_grad(set_to_none=True)
    return found


# --- without requirements -----------------------------------------------------------------------


def test_early_calls_are_those_of_tools_that_require_nothing(
    offered: TRMToolCallingDataset, model: TRMForToolCalling
) -> None:
    batch = batch_of(offered, [0, 4, 17])
    model.eval()

    def output(batch: Batch, catalogue: CatalogueTokens) -> TRMOutput:
        context = embed(model, batch, model.read(catalogue))
        return model.heads(*model.refine(context, model.start(context)), context)

    optional = replace(model.catalogue, required=torch.zeros_like(model.catalogue.required))
    plain, free = output(batch, model.catalogue), output(batch, optional)
    early = torch.tensor([True, False, False])
    changed, both = without_requirements({**batch, REQUIRES_NOTHING: early}, model.catalogue)
    mixed = output(changed, both)
    tools = model.catalogue.num_tools
    assert both.num_tools == 2 * tools and both.num_args == model.catalogue.num_args
    for row, expected in enumerate((free, plain, plain)):
        own = mixed.tool_logits[row].unflatten(0, (2, tools))[int(early[row])]
        assert torch.allclose(own, expected.tool_logits[row], atol=1e-4)
        assert torch.allclose(mixed.decision_logits[row], expected.decision_logits[row], atol=1e-4)
        label = batch["next_tool_labels"][row]
        shift = tools * int(early[row] and label >= 0)
        assert changed["next_tool_labels"][row] == label + shift
    assert not torch.allclose(plain.decision_logits[0], free.decision_logits[0], atol=1e-3)


def test_a_batch_without_early_calls_stays(
    offered: TRMToolCallingDataset, model: TRMForToolCalling
) -> None:
    batch = batch_of(offered, [0, 4])
    for each in (batch, {**batch, REQUIRES_NOTHING: torch.zeros(2, dtype=torch.bool)}):
        changed, catalogue = without_requirements(each, model.catalogue)
        assert changed is each and catalogue is model.catalogue


# --- narrowed -----------------------------------------------------------------------------------


@pytest.mark.parametrize("indices", [[3, 4, 5, 7], [5, 8], [3], [0, 4, 17]])
@pytest.mark.parametrize("supervise", [averaged, per_step])
def test_a_narrowed_batch_has_the_same_losses(
    offered: TRMToolCallingDataset, model: TRMForToolCalling, indices: list[int], supervise: object
) -> None:
    batch = batch_of(offered, indices)
    part, catalogue = narrowed(batch, model.catalogue)
    assert (catalogue.num_tools < 3) == (0 not in indices)
    loss_fn = DeepSupervisionLoss(model.config)
    found = []
    for each, read in ((batch, model.catalogue), (part, catalogue)):
        targets = Targets.of(each)
        steps = []
        for losses in supervise(model, loss_fn, [Part(each, targets, read)], count_labels(targets)):
            steps += losses
        found.append((steps, gradients(model)))
    (whole, gradient), (narrow, other) = found
    assert len(whole) == len(narrow) > 1
    for one, two in zip(whole, narrow, strict=True):
        for name in one:
            assert torch.allclose(one[name], two[name], atol=1e-4), name
    assert torch.cosine_similarity(gradient, other, dim=0) > 0.9999


def test_a_narrowed_batch_keeps_what_its_labels_mean(
    offered: TRMToolCallingDataset, model: TRMForToolCalling
) -> None:
    labels = offered.labels
    batch = batch_of(offered, [4, 5, 7])
    part, catalogue = narrowed(batch, model.catalogue)
    kept = torch.tensor([labels.tools.index(name) for name in ("find_customer", "change_plan")])
    kept = kept.sort().values
    assert catalogue.num_tools == 2
    assert torch.equal(part["tool_mask"], batch["tool_mask"][:, kept])
    for name in ("tool_name_labels", "next_tool_labels"):
        is_known = batch[name] >= 0
        assert torch.equal(kept[part[name][is_known]], batch[name][is_known])
        assert torch.equal(part[name][~is_known], batch[name][~is_known])
    assert (part["arg_presence_labels"] >= 0).sum() == (batch["arg_presence_labels"] >= 0).sum()
    assert (part["arg_span_labels"] > 0).sum() == (batch["arg_span_labels"] > 0).sum()
    assert torch.equal(part["input_ids"], batch["input_ids"])


def test_a_batch_that_offers_no_known_tool_keeps_one(
    offered: TRMToolCallingDataset, model: TRMForToolCalling
) -> None:
    batch = batch_of(offered, [3])
    batch["tool_mask"] = torch.zeros_like(batch["tool_mask"])
    for name in ("tool_name_labels", "next_tool_labels"):
        batch[name] = torch.full_like(batch[name], -1)
    part, catalogue = narrowed(batch, model.catalogue)
    assert catalogue.num_tools == part["tool_mask"].shape[1] == 1
    model.catalogue = catalogue
    assert model.train_step(**inputs_of(part))[-1].decision_logits.isfinite().all()


# --- hidden words -------------------------------------------------------------------------------


def test_words_of_a_catalogue_are_hidden_by_the_seed_alone(model: TRMForToolCalling) -> None:
    catalogue = model.catalogue
    torch.manual_seed(1)
    one = without_words(catalogue, 0.5, (0, 1)).ids
    torch.manual_seed(2)
    assert torch.equal(one, without_words(catalogue, 0.5, (0, 1)).ids)
    assert not torch.equal(one, without_words(catalogue, 0.5, (0, 2)).ids)
    assert without_words(catalogue, 0.0, (0,)) is catalogue


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_no_entry_loses_all_its_words(model: TRMForToolCalling, share: float) -> None:
    catalogue = model.catalogue
    for seed in range(20):
        hidden = without_words(catalogue, share, (seed,))
        assert (hidden.ids > 0).any(dim=1).all()
        assert torch.equal(hidden.ids > 0, hidden.parts > 0)
        stays = hidden.ids > 0
        assert torch.equal(hidden.ids[stays], catalogue.ids[stays])
        assert hidden.values is catalogue.values


def test_names_and_descriptions_are_hidden_whole(model: TRMForToolCalling) -> None:
    """Each now and then, so that the other must do."""
    catalogue, seen = model.catalogue, set()
    for seed in range(40):
        hidden = without_words(catalogue, 0.3, (seed,))
        tool = hidden.parts[0]
        seen.add((bool((tool == NAME).any()), bool((tool == DESCRIPTION).any())))
    assert seen == {(True, True), (True, False), (False, True)}


def test_what_is_hidden_is_not_read(
    offered: TRMToolCallingDataset, model: TRMForToolCalling
) -> None:
    """A gap between words counts for nothing but its place."""
    catalogue = model.catalogue
    ids, parts = catalogue.ids.clone(), catalogue.parts.clone()
    ids[0, 1], parts[0, 1] = 0, 0
    gapped = replace(catalogue, ids=ids, parts=parts)
    read = model.read(gapped)
    assert not read.word_mask[0, 1]
    matches = model.heads.tool_views.queries.shape[0]
    assert matches > 1
    model.catalogue = gapped
    before = model.train_step(**inputs_of(batch_of(offered, [4])))[-1].tool_logits
    model.catalogue = replace(
        gapped,
        ids=ids,
        parts=parts.clone().index_put(
            (torch.tensor([0]), torch.tensor([1])), torch.tensor(DESCRIPTION)
        ),
    )
    after = model.train_step(**inputs_of(batch_of(offered, [4])))[-1].tool_logits
    assert torch.allclose(before, after, atol=1e-5)


# --- renamed words ------------------------------------------------------------------------------


def words_shared(batch: Batch, catalogue: CatalogueTokens) -> Tensor:
    """Which tokens of a batch equal which of a catalogue."""
    return batch["input_ids"].flatten()[:, None] == catalogue.ids.flatten()


def test_words_that_match_still_match_when_they_are_renamed(
    offered: TRMToolCallingDataset, model: TRMForToolCalling
) -> None:
    batch, vocab = batch_of(offered, [0, 4, 5]), model.config.vocab_size
    other, catalogue = renamed(batch, model.catalogue, 1.0, vocab, (0, 3))
    changed = catalogue.ids != model.catalogue.ids
    words = model.catalogue.ids > MASK_ID
    assert 0.2 < changed[words].float().mean() < 0.8
    assert not changed[~words].any()
    assert (catalogue.ids[changed] > MASK_ID).all()
    before, after = words_shared(batch, model.catalogue), words_shared(other, catalogue)
    assert before.any()
    assert after[before].all()
    special = batch["input_ids"] <= MASK_ID
    assert torch.equal(other["input_ids"][special], batch["input_ids"][special])
    assert torch.equal(catalogue.values > 0, model.catalogue.values > 0)


def test_a_share_of_the_batches_is_renamed(
    offered: TRMToolCallingDataset, model: TRMForToolCalling
) -> None:
    batch, vocab = batch_of(offered, [0]), model.config.vocab_size
    same = [
        renamed(batch, model.catalogue, 0.5, vocab, (0, step))[1] is model.catalogue
        for step in range(60)
    ]
    assert 15 < sum(same) < 45
    assert renamed(batch, model.catalogue, 0.0, vocab, (0, 1))[0] is batch


# --- similar words ------------------------------------------------------------------------------


def paired(vocab: int) -> Tensor:
    """Vectors [V, V] in which the tokens 2k and 2k + 1 are similar, all others orthogonal."""
    vectors = torch.eye(vocab)
    for token in range(0, vocab - 1, 2):
        vectors[token, token + 1] = 0.5
    return vectors


def test_words_become_similar_ones(model: TRMForToolCalling) -> None:
    catalogue, vocab = model.catalogue, model.config.vocab_size
    words = torch.arange(MASK_ID + 1, vocab - vocab % 2)
    other = reworded(catalogue, 0.9, words, paired(vocab), (0, 1))
    changed = other.ids != catalogue.ids
    assert changed.any()
    partner = catalogue.ids ^ 1  # one of two words: only a draw of the first place finds it
    assert torch.equal(other.ids[changed], partner[changed])
    assert torch.isin(catalogue.ids[changed], words).all()
    assert other.parts is catalogue.parts
    assert other.values is catalogue.values


def test_a_word_without_similar_ones_stays(model: TRMForToolCalling) -> None:
    vocab = model.config.vocab_size
    words = torch.arange(MASK_ID + 1, vocab)
    other = reworded(model.catalogue, 0.9, words, torch.eye(vocab), (0, 1))
    assert torch.equal(other.ids, model.catalogue.ids)


def test_similar_words_depend_on_the_seed_alone(model: TRMForToolCalling) -> None:
    vocab, catalogue = model.config.vocab_size, model.catalogue
    words, vectors = torch.arange(MASK_ID + 1, vocab), torch.ones(vocab, 2)
    one, same, other = (
        reworded(catalogue, 0.5, words, vectors, (0, seed)).ids for seed in (1, 1, 2)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert reworded(catalogue, 0.0, words, vectors, (0, 1)) is catalogue


def test_training_with_hidden_and_renamed_words_learns(
    offered: TRMToolCallingDataset, model: TRMForToolCalling
) -> None:
    batch, vocab = batch_of(offered, [0, 4, 5]), model.config.vocab_size
    batch, catalogue = narrowed(batch, model.catalogue)
    batch, catalogue = renamed(batch, catalogue, 1.0, vocab, (0, 3))
    catalogue = without_words(catalogue, 0.3, (0, 3))
    targets = Targets.of(batch)
    loss_fn = DeepSupervisionLoss(model.config)
    [losses] = averaged(model, loss_fn, [Part(batch, targets, catalogue)], count_labels(targets))
    assert losses[-1][TOTAL].isfinite()
    assert gradients(model).isfinite().all()
