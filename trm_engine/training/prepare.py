"""Preparation: from a configuration to datasets, tokenizer and model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from pydantic import ValidationError

from trm_engine.checkpoints.parts import explained
from trm_engine.config import BUILTIN_PREFIX, Config, DataConfig
from trm_engine.data.as_samples import (
    ConvertOptions,
    has_its_own,
    samples_file,
    states_samples,
)
from trm_engine.data.cache import build_once, code_hash, content_hash, default_cache_dir, key_of
from trm_engine.data.catalogue_tokens import CatalogueTokens, words_of
from trm_engine.data.dataset import TRMToolCallingDataset, problems_of
from trm_engine.data.labels import Labels
from trm_engine.data.problems import nowhere
from trm_engine.data.problems.kinds import BY_NAME
from trm_engine.data.survey import (
    Progress,
    Survey,
    earlier_survey,
    no_progress,
    split_dialogues,
    survey_file,
)
from trm_engine.data.telecom import generate_samples
from trm_engine.data.tokenizer import TRMTokenizer
from trm_engine.errors import ConfigError, DataError, did_you_mean
from trm_engine.models.trm import TRMForToolCalling
from trm_engine.printable import one_line
from trm_engine.training import word_vectors
from trm_engine.training.device import choose_dtype
from trm_engine.training.rarity import rarity
from trm_engine.vocabulary import ROLE_IDS
from trm_engine.wording import counted

BUILTINS = ("builtin:telecom",)
VALIDATION_FROM_TRAINING = 1000
NOWHERE_WARNED_OF = 0.05
"""A share of the values of a field."""

NO_WORD_VECTORS = (
    "words start from random vectors, since the package wordllama is not installed "
    "(pip install 'trm-tui[words]'); tools that training never saw are found less well"
)

SHOWN_FIELDS, SHOWN = 10, 40
FEW_TOOL_TOKENS, MANY_TOOL_TOKENS = 12, 64
"""Tokens of a tool turn: the tool and how many results it found, or much of what it says."""

FREQUENT = 0.05
"""The share from which on calls after responses, answers after them, or cuts are frequent."""

OVERLAP_WARNED_OF = 0.05
"""A share of the validation samples. A few short conversations are the same by chance."""


@dataclass(frozen=True)
class Prepared:
    """What a run trains on.

    ``config`` is the configuration with what the data decided. ``overlap`` counts validation
    samples that equal a training sample. ``notes`` are warnings for the log.
    """

    config: Config
    tokenizer: TRMTokenizer
    train: TRMToolCallingDataset
    val: TRMToolCallingDataset
    overlap: int
    notes: list[str]


def prepare_data(
    config: Config,
    tokenizer: TRMTokenizer | None = None,
    progress: Progress = no_progress,
    contents: Mapping[str, str] | None = None,
) -> Prepared:
    """Read, split and tokenise the data of a configuration; ``tokenizer`` overrides its own.

    ``contents`` are the hashes of the "train" and "val" data that a resumed run began with. The run
    goes on with these data, even if their files have changed.

    Raises:
        UserError: a file cannot be used; the message says which, where and why.
    """
    data = config.data
    cache = Path(data.cache_dir) if data.cache_dir else default_cache_dir()
    contents = contents or {}
    notes: list[str] = []

    def survey_of(path: Path, part: str, labels: Labels | None = None) -> Survey:
        options = ConvertOptions.of(data, labels)
        survey, changed = _survey(path, contents.get(part), data.on_error, options, cache, progress)
        notes.extend(changed + _bad_lines(survey))
        return survey

    _refuse_idle_options(data, contents)
    survey = survey_of(_training_file(data, cache, progress), "train")
    train_rows, val_rows = _split(survey, data, config.training.seed)
    if tokenizer is None:
        tokenizer, note = _tokenizer(data, survey, train_rows, cache, progress)
        notes += note

    def dataset(source: Survey, tool_tokens: int) -> TRMToolCallingDataset:
        return TRMToolCallingDataset(
            source,
            tokenizer,
            survey.labels,
            data.max_length,
            data.on_error,
            cache,
            progress,
            tool_tokens,
        )

    tool_tokens = data.max_tool_tokens or FEW_TOOL_TOKENS
    whole = dataset(survey, tool_tokens)
    train = whole.subset(train_rows)
    if data.max_tool_tokens is None and (_cut_responses_decide(train) or _cuts_values(train)):
        tool_tokens = MANY_TOOL_TOKENS
        whole = dataset(survey, tool_tokens)
        train = whole.subset(train_rows)
    if data.val_data:
        val = dataset(survey_of(Path(data.val_data), "val", survey.labels), tool_tokens)
    elif len(val_rows):
        val = whole.subset(val_rows)
    else:
        val = train.subset(np.arange(min(len(train), VALIDATION_FROM_TRAINING)))
    overlap = int(np.isin(val.digests, train.digests).sum())
    notes += _overlap(overlap, len(val)) + _truncation(train, data)
    notes += _problems(train) + _nowhere(survey)
    if config.training.word_vectors and not word_vectors.is_installed():
        notes.append(NO_WORD_VECTORS)
    decided = config.model_copy(
        update={"data": data.model_copy(update={"max_tool_tokens": tool_tokens})}
    )
    return Prepared(decided, tokenizer, train, val, overlap, notes)


def build_model(config: Config, prepared: Prepared, device: torch.device) -> TRMForToolCalling:
    """A freshly initialised model of the data's sizes, on its device; a function of the seed.

    Raises:
        DataError: the data has more tools, slots or arguments than a model can have.
    """
    labels = prepared.train.labels
    try:
        sized = config.model.sized(vocab_size=prepared.tokenizer.vocab_size, **labels.sizes())
    except ValidationError as error:
        raise DataError(f"no model fits the training data: {explained(error)}") from None
    torch.manual_seed(config.training.seed)
    model = TRMForToolCalling(sized)
    if config.training.word_vectors and word_vectors.is_installed():
        word_vectors.start_from_word_vectors(model, prepared.tokenizer)
    model.heads.common_words.rarity.copy_(rarity(prepared.train))
    model.to(device)
    model.catalogue = CatalogueTokens.of(labels, prepared.tokenizer)
    model.compute_dtype = choose_dtype(config.training.dtype, device)[0]
    if config.training.compile:
        model.compile_core()
    return model


def count_parameters(model: TRMForToolCalling) -> dict[str, int]:
    """Parameters in total and by part."""
    parts = dict(model.named_children())
    counts = {
        name: sum(weight.numel() for weight in module.parameters())
        for name, module in parts.items()
    }
    return {"total": sum(counts.values()), **counts}


def _training_file(data: DataConfig, cache: Path, progress: Progress) -> Path:
    if not data.train_data.startswith(BUILTIN_PREFIX):
        return Path(data.train_data)
    if data.train_data not in BUILTINS:
        hint = did_you_mean(data.train_data, BUILTINS) or f"; there is {', '.join(BUILTINS)}"
        raise ConfigError(f"data.train_data: no built-in set '{data.train_data}'{hint}")
    count, seed = data.builtin_conversations, data.builtin_seed
    key = key_of(count, seed, code_hash("telecom"))
    folder = cache / f"telecom-{key}"

    def build(target: Path) -> None:
        progress("generating telecom conversations", 0.0)
        with open(target / "telecom.jsonl", "w", encoding="utf-8") as file:
            for sample in generate_samples(count, seed):
                file.write(json.dumps(sample, ensure_ascii=False) + "\n")

    build_once(folder, build)
    return folder / "telecom.jsonl"


def _refuse_idle_options(data: DataConfig, begun: Mapping[str, str]) -> None:
    """Raise ConfigError for slots and tools of training data that has its own."""
    given = [key for key in ("slots", "tools") if getattr(data, key)]
    if not given or begun:
        return
    if data.train_data.startswith(BUILTIN_PREFIX) or states_samples(data.train_data):
        raise ConfigError(f"data.{given[0]}: {has_its_own(data.train_data, given[0])}")


def _survey(
    path: Path,
    content: str | None,
    on_error: Literal["fail", "skip"],
    options: ConvertOptions,
    cache: Path,
    progress: Progress,
) -> tuple[Survey, list[str]]:
    """The survey of a file when its hash was ``content``, and a note if it has changed since."""
    if content is None or content_of(path, options) == content:
        return survey_file(path, cache, on_error, progress, options), []
    changed = f"{path}: no longer holds the data that the run began with"
    survey = earlier_survey(path, content, cache, on_error)
    if survey is None:
        raise DataError(
            f"{changed}, and the token cache has no copy of them; "
            f"put the file back as it was, or train a new run"
        )
    return survey, [f"{changed}; the run goes on with its own data, from the token cache"]


def content_of(path: Path, options: ConvertOptions) -> str | None:
    """The hash of what a file holds; None if it cannot be read."""
    try:
        return content_hash(samples_file(path, options=options))
    except DataError:
        return None


def _split(survey: Survey, data: DataConfig, seed: int) -> tuple[np.ndarray, np.ndarray]:
    if data.val_data or not data.val_split:
        return np.arange(len(survey)), np.arange(0)
    train, val = split_dialogues(np.asarray(survey.dialogues), data.val_split, seed)
    if not len(train) or not len(val):
        raise DataError(
            f"{survey.path}: too few conversations to hold out {data.val_split:.0%} of the "
            f"samples; give --val-data, or --val-split 0"
        )
    return train, val


def _tokenizer(
    data: DataConfig, survey: Survey, train_rows: np.ndarray, cache: Path, progress: Progress
) -> tuple[TRMTokenizer, list[str]]:
    """The configured tokenizer, or one trained on the training samples' text."""
    if data.tokenizer_path:
        return TRMTokenizer(data.tokenizer_path), []
    options = (data.vocab_size, data.lowercase)
    split = key_of(train_rows.tolist())
    key = key_of(
        survey.content, split, options, code_hash("tokenizer", "samples", "catalogue_tokens")
    )
    folder = cache / f"tokenizer-{key}"

    def texts() -> Iterator[str]:
        total = len(train_rows)
        for index, row in enumerate(train_rows.tolist()):
            progress("training the tokenizer", index / total)
            yield from (turn.text() for turn in survey.sample(row).history)
        labels = survey.labels
        for field in (*labels.slots, *labels.args):
            yield from (words_of(field.name), field.description)
        for tool in labels.definitions:
            yield from (words_of(tool.name), tool.description)

    def build(target: Path) -> None:
        trained = TRMTokenizer.train_on_texts(texts(), *options)
        (target / "tokenizer.model").write_bytes(trained.model_bytes)

    build_once(folder, build)
    tokenizer = TRMTokenizer(folder / "tokenizer.model")
    if tokenizer.vocab_size < data.vocab_size:
        return tokenizer, [
            f"the text allows a vocabulary of {tokenizer.vocab_size}, not {data.vocab_size}"
        ]
    return tokenizer, []


def _bad_lines(survey: Survey) -> list[str]:
    if not survey.problems:
        return []
    count = len({problem.line for problem in survey.problems})
    listed = "\n".join(str(problem) for problem in survey.problems[:20])
    return [f"{survey.path}: left out {counted(count, 'bad line')}\n{listed}"]


def _overlap(overlap: int, samples: int) -> list[str]:
    if overlap == samples:
        return [
            f"evaluation is on the training data: all {samples} validation samples are in it; "
            f"only other data (data.val_data, data.val_split) tells what the model has learnt"
        ]
    if overlap > OVERLAP_WARNED_OF * samples:
        return [
            f"{overlap} of {samples} validation samples are in the training data too; "
            f"evaluation flatters the model"
        ]
    return []


def _problems(train: TRMToolCallingDataset) -> list[str]:
    """The costly problems of the training file; the screen lists the others too.

    Values that stand nowhere have a warning of their own.
    """
    counts = problems_of(train)
    listed = [
        f"{BY_NAME[name].title.lower()}: {count}"
        for name, count in counts.items()
        if BY_NAME[name].cost == "high" and name != nowhere.KIND.name
    ]
    if not listed:
        return []
    path = train.survey.path
    return [f"{path}: samples with problems ({'; '.join(listed)}); see `trm-tui data view {path}`"]


def _nowhere(survey: Survey) -> list[str]:
    """A warning of fields whose values often stand nowhere in their conversations."""
    often = [each for each in survey.nowhere if each.lacking > NOWHERE_WARNED_OF * each.filled]
    if not often:
        return []
    fields = [
        f"{each.kind} '{one_line(each.name)}': {each.lacking} of {counted(each.filled, 'value')}"
        f" ({each.lacking / each.filled:.0%}), such as "
        + ", ".join(f"'{one_line(example)[:SHOWN]}'" for example in each.examples)
        for each in sorted(often, key=lambda each: -each.lacking)
    ]
    more = (
        [f"and {counted(len(fields) - SHOWN_FIELDS, 'more field')}"]
        if len(fields) > SHOWN_FIELDS
        else []
    )
    return [
        f"{survey.path}: values that stand nowhere in their conversation cannot be read off it:\n"
        + "\n".join(fields[:SHOWN_FIELDS] + more)
    ]


def _truncation(train: TRMToolCallingDataset, data: DataConfig) -> list[str]:
    notes = []
    if longer := int((train.dropped_tokens > 0).sum()):
        notes.append(
            f"{longer} of {len(train)} training samples are longer than {data.max_length} tokens; "
            f"their oldest turns are left out (data.max_length)"
        )
    if lost := int(train.cut_values.sum()):
        notes.append(
            f"{lost} values of {int((train.cut_values > 0).sum())} training samples stand only in "
            f"what is cut off: no model can read them (data.max_tool_tokens, data.max_length)"
        )
    return notes + _cut_responses(train, data)


def _cut_responses(train: TRMToolCallingDataset, data: DataConfig) -> list[str]:
    """A warning if responses that the user's limit cuts may decide."""
    if data.max_tool_tokens is None or not _cut_responses_decide(train):
        return []
    return [
        f"tool responses lead to calls and to answers, but are cut to {data.max_tool_tokens} "
        f"tokens: what they say may decide; raise data.max_tool_tokens, or leave it out"
    ]


def _cut_responses_decide(train: TRMToolCallingDataset) -> bool:
    """Whether tool responses are often cut, and lead to calls as well as to answers."""
    ends = train.newest_roles == ROLE_IDS["tool_response"]
    if not ends.any():
        return False
    calls = train.decisions[ends].mean()
    cut = (train.cut_tokens[ends] > 0).mean()
    return bool(FREQUENT <= calls <= 1 - FREQUENT and cut >= FREQUENT)


def _cuts_values(train: TRMToolCallingDataset) -> bool:
    """Whether values often stand only in what is cut off."""
    return bool((train.cut_values > 0).mean() >= FREQUENT)
