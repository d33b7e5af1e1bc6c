"""Dataset: samples as tensors, tokenised once into a memory-mapped cache."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, Self

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from trm_engine.data.as_samples import ConvertOptions, has_its_own, states_samples
from trm_engine.data.cache import default_cache_dir, read_arrays
from trm_engine.data.encoding import encode_sample
from trm_engine.data.label_builder import with_tools_of
from trm_engine.data.labels import Labels
from trm_engine.data.problems.cheap import samples_with_values_nowhere
from trm_engine.data.samples import Sample
from trm_engine.data.survey import Progress, Survey, no_progress, survey_file
from trm_engine.data.token_cache import token_cache
from trm_engine.data.tokenizer import TRMTokenizer
from trm_engine.errors import DataError, did_you_mean
from trm_engine.files.atomic import atomic_file
from trm_engine.runs.schema.events import DataFigures


class Reader(Protocol):
    """What reads conversations in its own way: a predictor, or another dataset."""

    tokenizer: TRMTokenizer
    labels: Labels
    max_length: int
    max_tool_tokens: int | None


class TRMToolCallingDataset(Dataset[dict[str, Tensor]]):
    """The samples of a JSONL file as tensors, S slots, A argument channels, T tools.

    An item has ``input_ids``, ``attention_mask``, ``role_ids``, ``turn_ids``, ``text_flags`` [L]
    (BEGINS_WORD, ENDS_WORD, CAPITALISED), ``decision_label``, ``tool_name_label``,
    ``next_tool_label``, ``sample_index``, ``dialogue`` [], ``tool_mask`` [T],
    ``slot_presence_labels``, ``slot_choice_labels`` [S],
    ``arg_presence_labels``, ``arg_choice_labels`` [A], ``slot_spans``, ``arg_spans`` [M, 3].

    Args:
        path: the JSONL file, or its survey.
        tokenizer: the tokenizer.
        labels: tools, slots and arguments; by default those in this file. Tools that only this
            file has are added. Conversations of a format without slots, or that list no tools, get
            those of the labels.
        max_length: maximum tokens of a conversation.
        max_tool_tokens: maximum tokens of one tool turn; None for no limit.
        on_error: whether to "fail" at or "skip" a bad line.
        cache_dir: folder of the token cache; by default the user's cache folder.
        progress: called with the progress of a first reading.
        tools: file with other tools for conversations that list none.

    Raises:
        DataError: the file cannot be used, or its slots differ from those in ``labels``.
    """

    def __init__(
        self,
        path: str | Path | Survey,
        tokenizer: TRMTokenizer,
        labels: Labels | None = None,
        max_length: int = 2048,
        on_error: Literal["fail", "skip"] = "fail",
        cache_dir: str | Path | None = None,
        progress: Progress = no_progress,
        max_tool_tokens: int | None = None,
        tools: str | None = None,
    ) -> None:
        cache = Path(cache_dir) if cache_dir else default_cache_dir()
        if not isinstance(path, Survey):
            if tools and states_samples(path):
                raise DataError(has_its_own(path, "tools"))
            options = ConvertOptions(tools=tools).completed_by(labels)
            path = survey_file(path, cache, on_error, progress, options)
        self.survey = path
        own = self.survey.labels
        self.labels = with_tools_of(labels, own) if labels else own
        self.tokenizer = tokenizer
        self.max_length = max_length
        self.max_tool_tokens = max_tool_tokens
        _refuse_other_slots(self.survey, self.labels)
        folder, self.was_tokenised = token_cache(
            self.survey, tokenizer, self.labels, (max_length, max_tool_tokens), cache, progress
        )
        self._arrays = read_arrays(folder)
        self.indices = np.arange(len(self.survey))
        self._own_file: Path | None = None

    @classmethod
    def as_read_by(cls, reader: Reader, path: str | Path | Survey, **options: Any) -> Self:
        """The samples as ``reader`` reads them; ``options`` are the other arguments."""
        return cls(
            path,
            reader.tokenizer,
            reader.labels,
            reader.max_length,
            max_tool_tokens=reader.max_tool_tokens,
            **options,
        )

    @property
    def path(self) -> Path:
        """The data file, to which ``line_number`` refers."""
        return self._own_file or self.survey.path

    @property
    def tool_name_to_id(self) -> dict[str, int]:
        return self.labels.tool_name_to_id

    @property
    def slot_names(self) -> list[str]:
        return self.labels.slot_names

    def subset(self, indices: Sequence[int] | np.ndarray) -> TRMToolCallingDataset:
        """A dataset of the samples at ``indices``, with the same cache."""
        other = object.__new__(TRMToolCallingDataset)
        other.__dict__.update(self.__dict__)
        other.indices = self.indices[np.asarray(indices, dtype=np.int64)]
        other._own_file = None
        return other

    def written_to(self, path: Path) -> TRMToolCallingDataset:
        """Write the samples to a file. Returns a dataset that refers to it.

        Raises:
            OSError: the file cannot be written. An existing file is unchanged.
        """
        with atomic_file(path) as file:
            for row in self.indices.tolist():
                file.write(self.survey.raw(row) + b"\n")
        other = self.subset(np.arange(len(self)))
        other._own_file = path
        return other

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def lengths(self) -> np.ndarray:
        """Number of tokens of each sample, [N]."""
        borders = self._arrays["token_borders"]
        lengths: np.ndarray = borders[self.indices, 1] - borders[self.indices, 0]
        return lengths

    @property
    def dialogues(self) -> np.ndarray:
        """Id of each sample's dialogue, [N]."""
        return np.asarray(self.survey.dialogues)[self.indices]

    @property
    def decisions(self) -> np.ndarray:
        """1 for a call, 0 for an answer, [N]."""
        return np.asarray(self._arrays["decision"])[self.indices]

    @property
    def newest_roles(self) -> np.ndarray:
        """The role of each sample's newest turn, an index of ROLES, [N]."""
        newest = self._arrays["token_borders"][self.indices, 1] - 2  # the last token is EOS
        return np.asarray(self._arrays["tokens"][newest, 1])

    @property
    def digests(self) -> np.ndarray:
        """Hash of each sample's history and answer, [N]."""
        return np.asarray(self.survey.digests)[self.indices]

    @property
    def dropped_tokens(self) -> np.ndarray:
        """Number of tokens of each sample truncated by ``max_length``, [N]."""
        return np.asarray(self._arrays["dropped_tokens"])[self.indices]

    @property
    def cut_tokens(self) -> np.ndarray:
        """Number of tokens of each sample truncated by ``max_tool_tokens``, [N]."""
        return np.asarray(self._arrays["cut_tokens"])[self.indices]

    @property
    def cut_values(self) -> np.ndarray:
        """Number of values of each sample that occur only in the truncated part, [N]."""
        return np.asarray(self._arrays["cut_values"])[self.indices]

    @property
    def values_nowhere(self) -> np.ndarray:
        """Whether a sample has a value that is not in its text, not even in what is cut, [N]."""
        found = np.zeros(len(self._arrays["decision"]), bool)
        for kind, fields in (("slot", self.labels.slots), ("arg", self.labels.args)):
            found |= samples_with_values_nowhere(
                np.asarray(self._arrays[f"{kind}_presence"]),
                np.array([field.kind == "span" for field in fields], bool),
                np.asarray(self._arrays[f"{kind}_spans"]),
                np.asarray(self._arrays[f"{kind}_span_borders"]),
            )
        found &= np.asarray(self._arrays["cut_values"]) == 0
        return np.asarray(found[self.indices])

    def line_number(self, index: int) -> int:
        """The sample's line number in its file, from 1."""
        return index + 1 if self._own_file else int(self.survey.lines[self.indices[index]])

    def sample(self, index: int) -> Sample:
        """The sample."""
        return self.survey.sample(int(self.indices[index]))

    def token_offsets(self, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Turn, begin and end offset of each token of a sample, [L] each."""
        tokens = self._tokens(index)
        return tokens[:, 2], tokens[:, 3], tokens[:, 4]

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        row = int(self.indices[index])
        arrays = self._arrays
        tokens = self._tokens(index)
        return {
            **_token_tensors(tokens[:, 0], tokens[:, 1], tokens[:, 2], tokens[:, 5]),
            **_call_tensors(arrays["decision"][row], arrays["tool"][row], arrays["tool"][row]),
            "tool_mask": _tensor(arrays["tool_mask"][row]),
            **self._field_tensors("slot", row),
            **self._field_tensors("arg", row),
            **self._place_tensors(index),
        }

    def encoded(self, index: int, sample: Sample) -> dict[str, Tensor]:
        """Encode a sample as an item, in place of the one at ``index``."""
        limits = (self.max_length, self.max_tool_tokens)
        encoded = encode_sample(sample, self.tokenizer, self.labels, *limits)
        tokens, slots, args = encoded.encoding, encoded.slots, encoded.args
        return {
            **_token_tensors(tokens.input_ids, tokens.role_ids, tokens.turns, tokens.text),
            **_call_tensors(encoded.decision, encoded.tool, encoded.next_tool),
            "tool_mask": _tensor(encoded.tool_mask),
            **_field_tensors("slot", slots.presence, slots.choices, slots.spans),
            **_field_tensors("arg", args.presence, args.choices, args.spans),
            **self._place_tensors(index),
        }

    def _place_tensors(self, index: int) -> dict[str, Tensor]:
        dialogue = int(self.survey.dialogues[self.indices[index]])
        return {"sample_index": torch.tensor(index), "dialogue": torch.tensor(dialogue)}

    def _tokens(self, index: int) -> np.ndarray:
        begin, end = self._arrays["token_borders"][self.indices[index]]
        return np.asarray(self._arrays["tokens"][begin:end])

    def _field_tensors(self, kind: str, row: int) -> dict[str, Tensor]:
        arrays = self._arrays
        begin, end = arrays[f"{kind}_span_borders"][row]
        spans = arrays[f"{kind}_spans"][begin:end]
        presence, choices = arrays[f"{kind}_presence"][row], arrays[f"{kind}_choices"][row]
        return _field_tensors(kind, presence, choices, spans)


def _token_tensors(
    ids: np.ndarray, roles: np.ndarray, turns: np.ndarray, flags: np.ndarray
) -> dict[str, Tensor]:
    return {
        "input_ids": _tensor(ids),
        "attention_mask": torch.ones(len(ids), dtype=torch.long),
        "role_ids": _tensor(roles),
        "turn_ids": _tensor(turns),
        "text_flags": _tensor(flags),
    }


def _call_tensors(decision: int, tool: int, next_tool: int) -> dict[str, Tensor]:
    return {
        "decision_label": torch.tensor(float(decision)),
        "tool_name_label": torch.tensor(int(tool)),
        "next_tool_label": torch.tensor(int(next_tool)),
    }


def _field_tensors(
    kind: str, presence: np.ndarray, choices: np.ndarray, spans: np.ndarray
) -> dict[str, Tensor]:
    return {
        f"{kind}_presence_labels": _tensor(presence).float(),
        f"{kind}_choice_labels": _tensor(choices),
        f"{kind}_spans": _tensor(spans),
    }


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.asarray(array).astype(np.int64))


def _refuse_other_slots(survey: Survey, labels: Labels) -> None:
    given, known = survey.labels.slot_names, labels.slot_names
    for name in given:
        if name not in known:
            raise DataError(
                f"{survey.path}: slot '{name}' is not among the model's slots"
                f"{did_you_mean(name, known)}: {', '.join(known)}"
            )
    missing = [name for name in known if name not in given]
    if missing:
        raise DataError(f"{survey.path}: slot '{missing[0]}', which the model knows, is missing")


def describe(dataset: TRMToolCallingDataset) -> DataFigures:
    """Statistics of a dataset for a run's first event."""
    lengths = dataset.lengths
    return DataFigures(
        path=str(dataset.path.absolute()),
        samples=len(dataset),
        dialogues=len(np.unique(dataset.dialogues)),
        tool_calls=int(dataset.decisions.sum()),
        tokens=int(lengths.sum()),
        mean_tokens=round(float(lengths.mean()), 1),
        longest=int(lengths.max()),
        truncated_samples=int((dataset.dropped_tokens > 0).sum()),
        cut_tool_tokens=int(dataset.cut_tokens.sum()),
        bad_lines=len({problem.line for problem in dataset.survey.problems}),
    )


def problems_of(dataset: TRMToolCallingDataset) -> dict[str, int]:
    """The problems of the file of a dataset: number of samples by name of the kind."""
    nowhere = int(dataset.values_nowhere.sum())
    return {**dataset.survey.faults, **({"nowhere": nowhere} if nowhere else {})}
