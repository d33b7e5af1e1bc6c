"""Token cache: the samples of a file as arrays of tokens and labels, built once on all cores."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from trm_engine.data.cache import ArrayWriter, build_once, code_hash, key_of
from trm_engine.data.encoding import EncodedSample, FieldLabels, encode_sample
from trm_engine.data.labels import Labels
from trm_engine.data.parts import build_in_parts
from trm_engine.data.survey import LABELS_CODE, Progress, Survey
from trm_engine.data.tokenizer import Limits, TRMTokenizer

MODULES = (
    *("token_cache", "parts", "dataset", "encoding", "tokenizer"),
    *("samples", "quick", *LABELS_CODE),
)
"""The code that decides what the cache holds."""

BATCH = 16
"""Samples that are written together."""

BORDERS = {
    "token_borders": "tokens",
    "slot_span_borders": "slot_spans",
    "arg_span_borders": "arg_spans",
}
"""Arrays that hold, for each sample, its first and last row in another array."""


def token_cache(
    survey: Survey,
    tokenizer: TRMTokenizer,
    labels: Labels,
    limits: Limits,
    cache: Path,
    progress: Progress,
) -> tuple[Path, bool]:
    """The folder of a file's tokens, and whether it had to be built."""
    code = code_hash(*MODULES)
    key = key_of(survey.content, tokenizer.fingerprint, labels.fingerprint, limits, code)
    folder = cache / f"tokens-{key}-{len(survey)}"
    job = Tokenising(survey, tokenizer, labels, limits)
    what = f"tokenising {survey.path.name}"

    def build(target: Path) -> None:
        build_in_parts(job, len(survey), BORDERS, target, partial(progress, what))

    return folder, build_once(folder, build)


@dataclass(frozen=True)
class Tokenising:
    """Tokenises some samples of a file. It can be sent to another process."""

    survey: Survey
    tokenizer: TRMTokenizer
    labels: Labels
    limits: Limits

    def __call__(self, rows: range, folder: Path, done: Callable[[int], None]) -> None:
        """Write the arrays of the samples ``rows``. ``done`` is told the number so far."""
        ends = dict.fromkeys(BORDERS, 0)
        with ArrayWriter(folder) as arrays:
            for begin in range(0, len(rows), BATCH):
                batch = rows[begin : begin + BATCH]
                _append(arrays, ends, [self._encode(row) for row in batch])
                done(begin + len(batch))

    def _encode(self, row: int) -> EncodedSample:
        sample = self.survey.sample(row)
        return encode_sample(sample, self.tokenizer, self.labels, *self.limits)


def _append(arrays: ArrayWriter, ends: dict[str, int], samples: list[EncodedSample]) -> None:
    encodings = [sample.encoding for sample in samples]
    tokens = np.stack(
        [
            np.concatenate([each.input_ids for each in encodings]),
            np.concatenate([each.role_ids for each in encodings]),
            np.concatenate([each.turns for each in encodings]),
            np.concatenate([each.begins for each in encodings]),
            np.concatenate([each.ends for each in encodings]),
            np.concatenate([each.text for each in encodings]),
        ],
        axis=1,
    )
    arrays.append("tokens", tokens)
    _append_borders(arrays, ends, "token_borders", map(len, encodings))
    arrays.append("decision", np.array([each.decision for each in samples], dtype=np.uint8))
    arrays.append("tool", np.array([each.tool for each in samples], dtype=np.int32))
    arrays.append("tool_mask", np.stack([each.tool_mask for each in samples]))
    for name in ("dropped_tokens", "cut_tokens"):
        counts = [getattr(each, name) for each in encodings]
        arrays.append(name, np.array(counts, dtype=np.int32))
    cut_values = [each.slots.cut_values + each.args.cut_values for each in samples]
    arrays.append("cut_values", np.array(cut_values, dtype=np.int32))
    _append_fields(arrays, ends, "slot", [each.slots for each in samples])
    _append_fields(arrays, ends, "arg", [each.args for each in samples])


def _append_fields(
    arrays: ArrayWriter, ends: dict[str, int], kind: str, fields: list[FieldLabels]
) -> None:
    arrays.append(f"{kind}_presence", np.stack([each.presence for each in fields]))
    arrays.append(f"{kind}_choices", np.stack([each.choices for each in fields]))
    arrays.append(f"{kind}_spans", np.concatenate([each.spans for each in fields]))
    counts = (len(each.spans) for each in fields)
    _append_borders(arrays, ends, f"{kind}_span_borders", counts)


def _append_borders(
    arrays: ArrayWriter, ends: dict[str, int], name: str, counts: Iterable[int]
) -> None:
    rows = list(_borders(ends[name], counts))
    ends[name] = rows[-1][1]
    arrays.append(name, np.array(rows, dtype=np.int64))


def _borders(begin: int, counts: Iterable[int]) -> Iterator[tuple[int, int]]:
    for count in counts:
        yield begin, begin + count
        begin += count
