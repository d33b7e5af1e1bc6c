"""Dataset: the shapes of the specification, the token cache, splits and batches."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.support import (
    SLOTS,
    dialogue,
    dialogues,
    kill,
    sample,
    start_python,
    wait_until,
    write_jsonl,
)
from trm_engine.data.collator import (
    BucketBatchSampler,
    TRMCollator,
    create_dataloader,
    padding_share,
)
from trm_engine.data.dataset import TRMToolCallingDataset, describe
from trm_engine.data.field import Field
from trm_engine.data.labels import Labels
from trm_engine.data.prefixes import read_from
from trm_engine.data.samples import Sample
from trm_engine.data.survey import PrefixIndex, split_dialogues, survey_file
from trm_engine.data.tokenizer import TRMTokenizer
from trm_engine.errors import DataError
from trm_engine.runs.schema.events import DataFigures
from trm_engine.vocabulary import BOS_ID, CAPITALISED, EOS_ID

OPEN = """
import sys, time
from pathlib import Path
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.data.tokenizer import TRMTokenizer

def progress(what, share):
    if what.startswith(slow_part):
        print(what, flush=True)
        time.sleep(pause)

data, model, cache, slow_part, pause = sys.argv[1:]
pause = float(pause)
dataset = TRMToolCallingDataset(data, TRMTokenizer(model), cache_dir=cache, progress=progress)
total = sum(int(item["input_ids"].sum()) for item in (dataset[i] for i in range(len(dataset))))
print("read", len(dataset), total, flush=True)
"""


def cached_folders(cache: Path) -> list[str]:
    """What a next start would use: folders that are whole by their name."""
    return sorted(path.name.split("-")[0] for path in cache.glob("[!.]*") if path.is_dir())


def dialogues_of(records: list[dict[str, Any]]) -> np.ndarray:
    index = PrefixIndex()
    for record in records:
        index.add(Sample.model_validate(record))
    return index.dialogues()


@pytest.fixture
def model_file(tokenizer: TRMTokenizer, tmp_path: Path) -> Path:
    path = tmp_path / "tokenizer.model"
    path.write_bytes(tokenizer.model_bytes)
    return path


# --- The specification's shapes


def test_an_item_has_the_specifications_keys_and_shapes(dataset: TRMToolCallingDataset) -> None:
    item = dataset[1]
    length = len(item["input_ids"])
    assert item["input_ids"].shape == item["attention_mask"].shape == item["role_ids"].shape
    assert item["decision_label"].shape == item["tool_name_label"].shape == ()
    assert item["slot_presence_labels"].shape == (3,)
    assert item["decision_label"].dtype == item["slot_presence_labels"].dtype == torch.float32
    assert item["input_ids"].dtype == item["tool_name_label"].dtype == torch.long
    assert (item["decision_label"].item(), item["tool_name_label"].item()) == (1.0, 0)
    assert item["slot_presence_labels"].tolist() == [1, 1, 0]
    assert item["attention_mask"].tolist() == [1] * length
    assert dataset[0]["tool_name_label"].item() == -1
    assert dataset.tool_name_to_id == {"find_customer": 0, "change_plan": 1}
    assert dataset.slot_names == list(SLOTS)


def test_items_are_the_samples_as_the_tokenizer_encodes_them(
    dataset: TRMToolCallingDataset, tokenizer: TRMTokenizer
) -> None:
    for index, record in enumerate(dialogues()):
        encoded = tokenizer.encode_conversation(record["history"])
        item = dataset[index]
        for name in ("input_ids", "role_ids", "attention_mask"):
            assert item[name].tolist() == encoded[name]
        assert dataset.sample(index) == Sample.model_validate(record)
        assert dataset.line_number(index) == index + 1
        assert dataset.lengths[index] == len(encoded["input_ids"])
        assert dataset.decisions[index] == (record["decision"] == "tool_call")


def test_spans_of_an_item_are_the_values(dataset: TRMToolCallingDataset) -> None:
    checked = 0
    for index, record in enumerate(dialogues()):
        turns, begins, ends = dataset.token_offsets(index)
        for channel, start, end in dataset[index]["slot_spans"].tolist():
            assert turns[start] == turns[end]
            text = record["history"][turns[start]]["content"]
            assert text[begins[start] : ends[end]] == record["slots"][SLOTS[channel]]
            checked += 1
    assert checked > 60


def test_a_batch_has_the_specifications_keys_and_shapes(dataset: TRMToolCallingDataset) -> None:
    items = [dataset[index] for index in range(4)]
    batch = TRMCollator(pad_token_id=0)(items)
    longest = max(len(item["input_ids"]) for item in items)
    for name in ("input_ids", "attention_mask", "role_ids"):
        assert batch[name].shape == (4, longest)
    assert batch["decision_labels"].tolist() == [0, 1, 1, 0]
    assert batch["tool_name_labels"].tolist() == [-1, 0, 1, -1]
    assert batch["slot_presence_labels"].tolist() == [[0, 0, 0], [1, 1, 0], [1, 1, 1], [0, 0, 0]]
    for row, item in enumerate(items):
        length = len(item["input_ids"])
        assert batch["input_ids"][row, :length].tolist() == item["input_ids"].tolist()
        for name in ("input_ids", "attention_mask", "role_ids"):
            assert not batch[name][row, length:].any()


def test_padding_is_the_given_id_up_to_the_given_multiple(dataset: TRMToolCallingDataset) -> None:
    batch = TRMCollator(pad_token_id=7, pad_to_multiple=64)([dataset[0], dataset[1]])
    assert batch["input_ids"].shape[1] % 64 == 0
    assert (batch["input_ids"][batch["attention_mask"] == 0] == 7).all()
    assert not batch["role_ids"][batch["attention_mask"] == 0].any()


def test_span_labels_of_a_batch_are_those_of_its_items(dataset: TRMToolCallingDataset) -> None:
    items = [dataset[index] for index in range(len(dataset))]
    batch = TRMCollator()(items)
    for kind, channels in (("slot", 3), ("arg", 3)):
        labels = batch[f"{kind}_span_labels"]
        assert labels.shape[:2] == (len(items), channels)
        assert labels.shape[3] == 2
        for row, item in enumerate(items):
            unpacked = [
                [channel, *span]
                for channel in range(channels)
                for span in labels[row, channel].tolist()
                if span != [-1, -1]
            ]
            assert unpacked == item[f"{kind}_spans"].tolist()


def test_a_batch_without_any_span_can_be_made(dataset: TRMToolCallingDataset) -> None:
    batch = TRMCollator()([dataset[0], dataset[3]])
    assert batch["slot_span_labels"].shape == (2, 3, 1, 2)
    assert (batch["slot_span_labels"] == -1).all()


def test_a_dataloader_gives_every_sample(dataset: TRMToolCallingDataset) -> None:
    seen = [
        index
        for batch in create_dataloader(dataset, batch_size=8)
        for index in batch["sample_index"].tolist()
    ]
    assert sorted(seen) == list(range(len(dataset)))


def test_a_data_set_without_slots_tools_and_spans(tmp_path: Path, tokenizer: TRMTokenizer) -> None:
    path = write_jsonl(tmp_path / "bare.jsonl", [sample(slots={})] * 2)
    bare = TRMToolCallingDataset(path, tokenizer, cache_dir=tmp_path)
    batch = TRMCollator()([bare[0], bare[1]])
    assert batch["slot_presence_labels"].shape == (2, 0)
    assert batch["arg_span_labels"].shape == (2, 0, 1, 2)
    assert batch["tool_mask"].tolist() == [[0], [0]]


def test_a_subset_has_the_chosen_samples(dataset: TRMToolCallingDataset) -> None:
    part = dataset.subset([5, 2]).subset([1])
    assert len(part) == 1
    assert part.sample(0) == dataset.sample(2)
    assert part[0]["input_ids"].tolist() == dataset[2]["input_ids"].tolist()
    assert part.lengths.tolist() == [dataset.lengths[2]]
    assert part.line_number(0) == 3
    assert len(dataset) == 60


def test_samples_written_to_a_file_are_its_lines(
    dataset: TRMToolCallingDataset, tokenizer: TRMTokenizer, tmp_path: Path
) -> None:
    part = dataset.subset([5, 2, 31])
    path = tmp_path / "part.jsonl"
    own = part.written_to(path)
    assert list(tmp_path.glob("part*")) == [path]
    assert (own.path, part.path) == (path, dataset.path)
    assert [own.line_number(index) for index in range(3)] == [1, 2, 3]
    assert [part.line_number(index) for index in range(3)] == [6, 3, 32]
    assert own.subset([2]).line_number(0) == 32
    opened = TRMToolCallingDataset(path, tokenizer, dataset.labels, cache_dir=tmp_path)
    assert len(opened) == 3
    for index in range(3):
        assert opened.sample(index) == own.sample(index) == part.sample(index)
        assert opened[index]["input_ids"].tolist() == own[index]["input_ids"].tolist()
    assert opened.digests.tolist() == own.digests.tolist()


def test_samples_that_say_the_same_have_the_same_digest(
    tokenizer: TRMTokenizer, tmp_path: Path
) -> None:
    plain = dialogue(0)[1]
    call = {"arguments": plain["tool"]["arguments"], "name": plain["tool"]["name"]}
    same = [plain, {**plain, "content": "other", "tools": [*plain["tools"], *plain["tools"]]}]
    same.append({**plain, "tool": call, "slots": dict(reversed(plain["slots"].items()))})
    other = [
        {**plain, "slots": {**plain["slots"], "plan": "basic"}},
        {**plain, "history": plain["history"][1:]},
        {**plain, "tool": {**call, "arguments": {}}},
        {**plain, "tool": {}, "decision": "direct_answer"},
    ]
    path = write_jsonl(tmp_path / "same.jsonl", same + other)
    digests = TRMToolCallingDataset(path, tokenizer, cache_dir=tmp_path).digests.tolist()
    assert len(set(digests[:3])) == 1
    assert len(set(digests[2:])) == 5


def test_figures_of_a_dataset(dataset: TRMToolCallingDataset) -> None:
    figures = describe(dataset)
    assert (figures.samples, figures.dialogues, figures.tool_calls) == (60, 20, 40)
    assert (figures.truncated_samples, figures.bad_lines) == (0, 0)
    assert msgspec.json.decode(msgspec.json.encode(figures), type=DataFigures) == figures


def test_truncated_samples_are_counted(
    data_file: Path, tokenizer: TRMTokenizer, tmp_path: Path
) -> None:
    short = TRMToolCallingDataset(data_file, tokenizer, max_length=40, cache_dir=tmp_path)
    assert short.lengths.max() <= 40
    assert describe(short).truncated_samples == (short.dropped_tokens > 0).sum() > 40


def test_a_limit_for_tool_turns_is_counted_on_its_own(
    data_file: Path, tokenizer: TRMTokenizer, tmp_path: Path
) -> None:
    whole = TRMToolCallingDataset(data_file, tokenizer, cache_dir=tmp_path)
    short = TRMToolCallingDataset(data_file, tokenizer, cache_dir=tmp_path, max_tool_tokens=6)
    assert short.was_tokenised
    assert (short.lengths + short.cut_tokens == whole.lengths).all()
    assert describe(short).cut_tool_tokens == short.cut_tokens.sum() > 0
    assert describe(short).truncated_samples == 0
    assert describe(whole).cut_tool_tokens == 0


def test_values_that_stand_only_in_what_was_cut_off_are_counted(
    tokenizer: TRMTokenizer, tmp_path: Path
) -> None:
    def asked(number: str) -> dict[str, Any]:
        history = [
            {"role": "user", "content": "Pay the bill of Anna"},
            {"role": "tool_call", "content": {"name": "find", "arguments": {"name": "Anna"}}},
            {"role": "tool_response", "content": {"name": "Anna", "note": "x " * 20, "bill": "77"}},
        ]
        call = {"name": "pay", "arguments": {"bill": number, "name": "Anna"}}
        return sample(history=history, decision="tool_call", tool=call, slots={})

    path = write_jsonl(tmp_path / "bills.jsonl", [asked("77"), asked("88")])

    labels = Labels(("pay",), ((0, 1),), (), (Field("bill"), Field("name")))

    def cut(**limits: int) -> list[int]:
        dataset = TRMToolCallingDataset(path, tokenizer, labels, cache_dir=tmp_path, **limits)
        return dataset.cut_values.tolist()

    assert cut() == [0, 0]
    assert cut(max_tool_tokens=12) == [1, 0]
    assert cut(max_length=24) == [1, 1]  # of the newest turn the end is kept: the name is lost


# --- The token cache


def test_the_second_opening_does_not_tokenise(
    data_file: Path, tokenizer: TRMTokenizer, tmp_path: Path
) -> None:
    told: list[str] = []

    def progress(what: str, share: float) -> None:
        assert 0 <= share <= 1
        told.append(what)

    first = TRMToolCallingDataset(data_file, tokenizer, cache_dir=tmp_path, progress=progress)
    assert first.was_tokenised
    assert {"reading train.jsonl", "tokenising train.jsonl"} == set(told)
    told.clear()
    moved = shutil.copy(data_file, tmp_path / "moved.jsonl")
    for path in (data_file, Path(moved)):
        again = TRMToolCallingDataset(path, tokenizer, cache_dir=tmp_path, progress=progress)
        assert not again.was_tokenised
        assert again[7]["input_ids"].tolist() == first[7]["input_ids"].tolist()
        assert again.labels == first.labels
    assert not told


def test_what_changes_the_tokens_builds_them_anew(
    data_file: Path, tokenizer: TRMTokenizer, folding_tokenizer: TRMTokenizer, tmp_path: Path
) -> None:
    def opened(path: Path, with_tokenizer: TRMTokenizer, max_length: int = 512) -> bool:
        return TRMToolCallingDataset(
            path, with_tokenizer, max_length=max_length, cache_dir=tmp_path
        ).was_tokenised

    changed = tmp_path / "train.jsonl"
    changed.write_bytes(data_file.read_bytes())
    assert opened(changed, tokenizer)
    assert opened(changed, folding_tokenizer)
    assert opened(changed, tokenizer, 64)
    assert not opened(changed, tokenizer)
    changed.write_bytes(data_file.read_bytes().replace(b"Zo", b"zo"))
    assert opened(changed, tokenizer)
    assert not opened(changed, tokenizer)


def test_two_processes_that_build_at_once_agree(
    data_file: Path, model_file: Path, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    pair = [start_python(OPEN, data_file, model_file, cache, "", 0.01) for _ in range(2)]
    answers = [process.communicate(timeout=60) for process in pair]
    assert [process.returncode for process in pair] == [0, 0], answers
    results = [output.splitlines()[-1] for output, _ in answers]
    assert results[0] == results[1]
    assert results[0].startswith("read 60 ")
    tokenised = [output for output, _ in answers if "tokenising" in output]
    assert len(tokenised) == 1
    assert cached_folders(cache) == ["survey", "tokens"]


@pytest.mark.parametrize(("part", "left"), [("reading", []), ("tokenising", ["survey"])])
def test_a_start_that_is_killed_leaves_nothing_half_built(
    data_file: Path,
    model_file: Path,
    tokenizer: TRMTokenizer,
    tmp_path: Path,
    part: str,
    left: list[str],
) -> None:
    cache = tmp_path / "cache"
    process = start_python(OPEN, data_file, model_file, cache, part, 0.2)
    assert process.stdout
    for _ in range(2):
        assert process.stdout.readline().startswith(part)
    wait_until(lambda: any(cache.glob(".*/*.bin")))
    kill(process)
    assert cached_folders(cache) == left
    dataset = TRMToolCallingDataset(data_file, tokenizer, cache_dir=cache)
    assert dataset.was_tokenised
    assert len(dataset) == 60
    assert cached_folders(cache) == ["survey", "tokens"]
    assert not list(cache.glob(".*"))


def test_a_build_that_fails_leaves_nothing(
    data_file: Path, tokenizer: TRMTokenizer, tmp_path: Path
) -> None:
    def interrupted(what: str, share: float) -> None:
        if share > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        TRMToolCallingDataset(data_file, tokenizer, cache_dir=tmp_path, progress=interrupted)
    assert [path.suffix for path in tmp_path.iterdir()] == [".lock"]
    assert TRMToolCallingDataset(data_file, tokenizer, cache_dir=tmp_path).was_tokenised


def test_a_cache_folder_that_cannot_be_written_is_told(
    data_file: Path, tokenizer: TRMTokenizer, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()  # root may write any folder, but not a folder inside a file
    for cache in (tmp_path / "file", tmp_path / "file" / "deeper"):
        with pytest.raises(DataError, match=r"the token cache cannot be written.*data\.cache_dir"):
            TRMToolCallingDataset(data_file, tokenizer, cache_dir=cache)


# --- Files that do not fit


def test_a_missing_file_suggests_the_nearest_name(
    data_file: Path, tokenizer: TRMTokenizer, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=r"trian\.jsonl: no such file \(did you mean 'train"):
        TRMToolCallingDataset(data_file.with_name("trian.jsonl"), tokenizer, cache_dir=tmp_path)


def test_bad_lines_stop_or_are_left_out_and_counted(
    tokenizer: TRMTokenizer, tmp_path: Path
) -> None:
    path = write_jsonl(tmp_path / "x.jsonl", [b"{", *dialogue(0), sample(decision="?", tool=3)])
    for _ in range(2):
        with pytest.raises(DataError, match=r"x\.jsonl, line 1: broken JSON"):
            TRMToolCallingDataset(path, tokenizer, cache_dir=tmp_path)
    for _ in range(2):  # the second time from the cache
        dataset = TRMToolCallingDataset(path, tokenizer, on_error="skip", cache_dir=tmp_path)
        assert len(dataset) == 3
        assert [problem.line for problem in dataset.survey.problems] == [1, 5, 5]
        assert describe(dataset).bad_lines == 2
        assert dataset.line_number(0) == 2
        assert dataset.sample(2).tool is not None


def test_labels_of_another_file(
    dataset: TRMToolCallingDataset, tokenizer: TRMTokenizer, tmp_path: Path
) -> None:
    call = {"name": "unheard_of", "arguments": {"x": 1}}
    path = write_jsonl(tmp_path / "val.jsonl", [sample(decision="tool_call", tool=call)])
    other = TRMToolCallingDataset(path, tokenizer, dataset.labels, cache_dir=tmp_path)
    assert other.tool_name_to_id == {**dataset.tool_name_to_id, "unheard_of": 2}
    assert other[0]["tool_name_label"].item() == 2
    assert other.labels.args == dataset.labels.args  # nothing says what x is
    assert not (other[0]["arg_presence_labels"] >= 0).any()
    for slots, message in (
        ({"phone": "", "name": "", "plann": ""}, r"'plann' is not .* \(did you mean 'plan'\?\)"),
        ({"phone": "", "name": ""}, "slot 'plan', which the model knows, is missing"),
    ):
        path = write_jsonl(tmp_path / "bad.jsonl", [sample(slots=slots)])
        with pytest.raises(DataError, match=message):
            TRMToolCallingDataset(path, tokenizer, dataset.labels, cache_dir=tmp_path)


# --- Dialogues and splits


@given(
    counts=st.lists(st.integers(1, 3), min_size=1, max_size=8),
    share=st.floats(0, 0.99),
    seed=st.integers(0, 99),
    order=st.randoms(use_true_random=False),
)
def test_a_split_never_cuts_a_dialogue(
    counts: list[int], share: float, seed: int, order: random.Random
) -> None:
    named = [
        (number, each) for number, count in enumerate(counts) for each in dialogue(number)[:count]
    ]
    order.shuffle(named)
    found = dialogues_of([record for _, record in named])
    assert len(set(found.tolist())) == len(counts)
    assert len({(name, one) for (name, _), one in zip(named, found, strict=True)}) == len(counts)

    train, held_out = split_dialogues(found, share, seed)
    assert sorted([*train, *held_out]) == list(range(len(named)))
    assert not set(found[train]) & set(found[held_out])
    assert len(held_out) <= round(share * len(named))
    assert len(train) > 0
    again = split_dialogues(found, share, seed)
    assert (again[0].tolist(), again[1].tolist()) == (train.tolist(), held_out.tolist())


def test_a_split_holds_out_about_the_share(dataset: TRMToolCallingDataset) -> None:
    dialogues = dataset.survey.dialogues
    assert len(split_dialogues(dialogues, 0.1, 0)[1]) == 6
    assert len(split_dialogues(dialogues, 0.0, 0)[1]) == 0
    orders = {tuple(split_dialogues(dialogues, 0.1, seed)[1]) for seed in range(8)}
    assert len(orders) > 1


def test_named_conversations_stay_together() -> None:
    def turn(text: str, name: str) -> dict[str, Any]:
        return sample(history=[{"role": "user", "content": text}], conversation=name)

    found = dialogues_of([turn("a", "x"), turn("b", "y"), turn("c", "x"), turn("a", "y")])
    assert found.tolist() == [0, 1, 0, 1]


def test_the_same_sample_twice_is_one_dialogue() -> None:
    assert (
        dialogues_of([*dialogue(0), *dialogue(1), *dialogue(0)]).tolist()
        == [0] * 3 + [3] * 3 + [0] * 3
    )


def test_shuffled_lines_in_a_file(tmp_path: Path) -> None:
    records = dialogues(6)
    random.Random(1).shuffle(records)
    survey = survey_file(write_jsonl(tmp_path / "x.jsonl", records), tmp_path)
    assert len(np.unique(survey.dialogues)) == 6


# --- Batches

lengths = st.lists(st.integers(1, 300), min_size=1, max_size=400).map(np.array)


@given(
    lengths,
    st.integers(1, 40),
    st.none() | st.integers(1, 2000),
    st.booleans(),
    st.integers(0, 9),
    st.integers(0, 9),
    st.none() | st.integers(1, 30),
)
def test_every_sample_is_in_one_batch_of_an_epoch(
    lengths: np.ndarray,
    size: int,
    budget: int | None,
    shuffle: bool,
    seed: int,
    epoch: int,
    talks: int | None,
) -> None:
    dialogues = talks and np.random.default_rng(seed).integers(0, talks, len(lengths))
    sampler = BucketBatchSampler(lengths, size, shuffle, seed, budget, dialogues)
    sampler.set_epoch(epoch)
    batches = list(sampler)
    assert len(batches) == len(sampler)
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    for batch in batches:
        assert 1 <= len(batch) <= size
        if budget and len(batch) > 1:
            assert len(batch) * lengths[batch].max() <= budget
    same = BucketBatchSampler(lengths, size, shuffle, seed, budget, dialogues)
    same.set_epoch(epoch)
    assert list(same) == batches


@given(st.lists(st.integers(1, 20), min_size=1, max_size=40), st.integers(8, 40), st.booleans())
def test_a_dialogue_stays_together(sizes: list[int], size: int, shuffle: bool) -> None:
    """In one batch; one that is larger than a batch in as few as it fits into, longest last."""
    dialogues = np.repeat(np.arange(len(sizes)), sizes)
    lengths = 10 + np.concatenate([np.arange(each) for each in sizes])
    order = np.random.default_rng(0).permutation(len(lengths))
    dialogues, lengths = dialogues[order], lengths[order]
    sampler = BucketBatchSampler(lengths, size, shuffle, dialogues=dialogues)
    found: dict[int, list[np.ndarray]] = {}
    for batch in map(np.array, sampler):
        for each in np.unique(dialogues[batch]):
            found.setdefault(int(each), []).append(batch[dialogues[batch] == each])
    for each, parts in found.items():
        assert len(parts) == -(-sizes[each] // size)
        for part in parts:
            assert (np.diff(lengths[part]) == 1).all()
    assert len(sampler) < len(sizes) or max(sizes) > size / 2 or len(sizes) == 1


def test_the_order_differs_between_epochs_and_seeds() -> None:
    lengths = np.random.default_rng(0).integers(10, 200, 500)

    def order(seed: int, epoch: int) -> list[list[int]]:
        sampler = BucketBatchSampler(lengths, 16, seed=seed)
        sampler.set_epoch(epoch)
        return list(sampler)

    orders = [order(seed, epoch) for seed in range(3) for epoch in range(3)]
    assert all(one != other for place, one in enumerate(orders) for other in orders[:place])
    contents = [{frozenset(batch) for batch in each} for each in orders]
    assert len(contents[0] & contents[1]) < len(contents[0]) / 4  # not only the batches' order


def test_unshuffled_batches_run_from_short_to_long() -> None:
    lengths = np.random.default_rng(0).integers(10, 200, 100)
    sampler = BucketBatchSampler(lengths, 7, shuffle=False)
    assert (np.diff(lengths[[index for batch in sampler for index in batch]]) >= 0).all()


def test_little_of_a_batch_is_padding() -> None:
    lengths = np.random.default_rng(0).gamma(4, 40, 5000).astype(int) + 10
    sampler = BucketBatchSampler(lengths, 32)
    batches = sampler.batches()
    assert padding_share(lengths, batches) < 0.05
    chance = np.array_split(np.random.default_rng(1).permutation(len(lengths)), len(batches))
    assert padding_share(lengths, chance) > 0.3
    first = [int(lengths[batch].mean()) for batch in batches[:40]]
    assert first != sorted(first)


def test_a_sample_above_the_budget_is_a_batch_of_its_own() -> None:
    lengths = np.array([500, 10, 10, 600])
    batches = list(BucketBatchSampler(lengths, 8, shuffle=False, max_tokens=100))
    assert batches == [[1, 2], [0], [3]]


def test_no_samples_give_no_batches() -> None:
    for budget in (None, 10):
        assert list(BucketBatchSampler(np.array([], dtype=int), 4, max_tokens=budget)) == []


# --- shared histories ---------------------------------------------------------------------------

WORDS = st.tuples(st.integers(10, 12), st.sampled_from([0, CAPITALISED]))


@given(
    st.lists(st.lists(WORDS, max_size=4), min_size=1, max_size=12),
    st.lists(st.booleans(), min_size=12, max_size=12),
)
def test_a_sample_is_read_from_one_that_begins_with_it(
    texts: list[list[tuple[int, int]]], ended: list[bool]
) -> None:
    said = [[(BOS_ID, 0), *text] for text in texts]
    tokens = [[*text, (EOS_ID, 0)] if end else text for text, end in zip(said, ended, strict=False)]
    columns = [torch.tensor(each).T for each in tokens]
    items = [{"input_ids": ids, "text_flags": flags} for ids, flags in columns]
    sources = read_from(items).tolist()
    for place, source in enumerate(sources):
        assert said[source][: len(said[place])] == said[place]
        assert sources[source] == source
    ends = {tuple(text) for text in said}
    alone = [each for each in ends if not any(o[: len(each)] == each and o != each for o in ends)]
    assert len(set(sources)) == len(alone)


def test_batches_tell_what_is_read(dataset: TRMToolCallingDataset) -> None:
    alike = np.flatnonzero(dataset.dialogues == dataset.dialogues[0])
    assert len(alike) > 2
    batch = TRMCollator()([dataset[int(index)] for index in alike])
    assert batch["read_from"].unique().numel() < len(alike) / 2
    longest = int(np.argmax(dataset.lengths[alike]))
    assert batch["read_from"][longest] == longest
