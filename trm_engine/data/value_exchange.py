"""Value exchange: replaces values in conversations, so that they are not memorised.

In a random share of the dialogues, spoken values of slots and arguments are replaced by other
values of the same field, consistently in turns, slots and calls.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from trm_engine.data.labels import Labels
from trm_engine.data.samples import Sample, Turn
from trm_engine.data.spans import is_verbatim
from trm_engine.data.values import find_value, flatten, folded, meaning, same_text

STREAM = 0x5641
"""Separates this random stream from others with the same seed."""

SAID = 0.5
"""The values of a list are exchanged if this share of them is said letter by letter."""

LETTERS = 3
"""The fewest letters and digits of listed values that are exchanged. Shorter ones ("no", "2") are
often said of something else."""

Pools = dict[str, list[tuple[str, ...]]]
"""Values that can stand for each other, by the name of a field. Fields of one name whose values are
listed have a pool each: a value is exchanged for one that all the pools have that have it."""


def collect_values(samples: Iterable[Sample], labels: Labels) -> Pools:
    """The pools of the samples' slots and calls, each in a fixed order."""
    fields = (*labels.slots, *labels.args)
    listed = {each.name for each in fields if each.kind == "choice"}
    spans = {each.name for each in fields} - listed
    found: dict[str, set[str]] = {name: set() for name in spans}
    said, filled = Counter[str](), Counter[str]()
    for sample in samples:
        for name, value in _values(sample):
            if name in spans:
                found[name].add(value)
            elif name in listed:
                filled[name] += 1
                said[name] += is_verbatim(sample.history, value, "string")
    pools: Pools = {name: [tuple(sorted(values))] for name, values in found.items()}
    for each in fields:
        is_said = said[each.name] and said[each.name] >= SAID * filled[each.name]
        if is_said and all(sum(map(str.isalnum, value)) >= LETTERS for value in each.values):
            pools.setdefault(each.name, []).append(each.values)
    return pools


@dataclass(frozen=True)
class ValueExchange:
    """Exchanges values in a share of the dialogues. It depends only on (seed, epoch, dialogue)."""

    pools: Pools
    share: float
    seed: int

    def draws(self, epoch: int, dialogue: int) -> bool:
        """Whether to exchange a dialogue's values in an epoch."""
        return bool(self._random(epoch, dialogue).random() < self.share)

    def exchanged(self, samples: Sequence[Sample], epoch: int, dialogue: int) -> Sequence[Sample]:
        """Samples of one dialogue with new values, or unchanged if that would break a label."""
        random = self._random(epoch, dialogue)
        random.random()  # skip the number that ``draws`` used
        new_values = self._choose(samples, random)
        while new_values:
            replace = _Replacement(new_values, self._kept(samples, new_values))
            changed = [_rewrite(sample, replace) for sample in samples]
            pairs = zip(samples, changed, strict=True)
            wrong = next((each for pair in pairs if (each := _unfaithful(*pair, new_values))), None)
            if wrong is None:
                return changed
            del new_values[wrong if wrong in new_values else next(reversed(new_values))]
        return samples

    def _random(self, epoch: int, dialogue: int) -> np.random.Generator:
        return np.random.default_rng((self.seed, STREAM, epoch, dialogue))

    def _choose(self, samples: Sequence[Sample], random: np.random.Generator) -> dict[str, str]:
        """A new value for each spoken value, by the folded old value."""
        values = dict.fromkeys(pair for sample in samples for pair in _values(sample))
        kept = {folded(value) for name, value in values if name not in self.pools}
        names: dict[str, list[str]] = {}
        for name, value in values:
            names.setdefault(folded(value), []).append(name)
        ways = _spellings(samples)
        turns = {turn.text(): turn for sample in samples for turn in sample.history}
        new_values: dict[str, str] = {}
        for _, value in values:
            old = folded(value)
            if old in kept or old in new_values or len(ways[meaning(value)]) > 1:
                continue
            if not is_verbatim([*turns.values()], value, "string"):
                continue
            used = {folded(new) for new in new_values.values()}
            others = [each for each in self._others(old, names[old]) if folded(each) not in used]
            if not others:
                continue
            other = others[int(random.integers(len(others)))]
            if not any(find_value(text, other) for text in turns):
                new_values[old] = other
        return new_values

    def _others(self, value: str, names: Sequence[str]) -> list[str]:
        """What a folded value of fields of these names can be exchanged for."""
        pools = [pool for name in names for pool in self._by_folding.get(name, ())]
        pools = [pool for pool in pools if value in pool]
        first, *more = pools or [{}]
        others = {each: text for each, text in first.items() if each != value}
        return [text for each, text in others.items() if all(each in pool for pool in more)]

    @cached_property
    def _by_folding(self) -> dict[str, list[dict[str, str]]]:
        """The pools, with the values by what they are after folding."""
        return {
            name: [{folded(value): value for value in pool} for pool in pools]
            for name, pools in self.pools.items()
        }

    def _kept(self, samples: Sequence[Sample], new_values: dict[str, str]) -> set[str]:
        values = (folded(value) for sample in samples for _, value in _values(sample))
        return {value for value in values if value not in new_values}


def in_case_of(example: str, value: str) -> str:
    """``value`` in lower or upper case if ``example`` is, else unchanged."""
    styled = value
    if example.islower():
        styled = value.lower()
    elif example.isupper() and len(example) > 1:
        styled = value.upper()
    return styled if same_text(styled, value) else value


def _rewrite(sample: Sample, replace: _Replacement) -> Sample:
    tool = sample.tool
    if tool:
        tool = tool.model_copy(update={"arguments": replace.leaves(tool.arguments)})
    return sample.model_copy(
        update={
            "history": [_rewrite_turn(turn, replace) for turn in sample.history],
            "slots": {name: replace.whole(value) for name, value in sample.slots.items()},
            "tool": tool,
        }
    )


def _rewrite_turn(turn: Turn, replace: _Replacement) -> Turn:
    content = turn.content
    if turn.role == "tool_call":
        content = {**content, "arguments": replace.everywhere(content.get("arguments", {}))}
    else:
        content = replace.everywhere(content)
    return Turn.model_construct(role=turn.role, content=content)  # a copy would keep the old text


class _Replacement:
    """Replaces old values by new ones. If values overlap, the longest is replaced."""

    def __init__(self, new_values: dict[str, str], kept: set[str]) -> None:
        self._new_values = new_values
        self._longest_first = sorted({*new_values, *kept}, key=lambda value: (-len(value), value))
        self._texts: dict[str, str] = {}  # cache: samples of a dialogue share turns

    def leaves(self, value: Any) -> Any:
        """The same with new values in place of whole texts, however deep."""
        if isinstance(value, dict):
            return {key: self.leaves(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self.leaves(each) for each in value]
        return self.whole(value)

    def whole(self, value: Any) -> Any:
        """The new value of a field, or the old one if it is not exchanged."""
        if not isinstance(value, str):
            return value
        new = self._new_values.get(folded(value))
        return value if new is None else in_case_of(value, new)

    def everywhere(self, content: Any) -> Any:
        """Replace in all texts of a JSON value, but not in keys."""
        if isinstance(content, dict):
            return {key: self.everywhere(value) for key, value in content.items()}
        if isinstance(content, list):
            return [self.everywhere(value) for value in content]
        return self._in_text(content) if isinstance(content, str) else content

    def _in_text(self, text: str) -> str:
        if text not in self._texts:
            self._texts[text] = self._exchanged(text)
        return self._texts[text]

    def _exchanged(self, text: str) -> str:
        taken: list[tuple[int, int]] = []
        for value in self._longest_first:
            for begin, end in find_value(text, value, "string"):
                if all(end <= first or begin >= last for first, last in taken):
                    taken.append((begin, end))
        parts, position = [], 0
        for begin, end in sorted(taken):
            parts += [text[position:begin], self.whole(text[begin:end])]
            position = end
        return "".join([*parts, text[position:]])


def _unfaithful(old: Sample, new: Sample, new_values: dict[str, str]) -> str | None:
    """An old value, folded, that is not as before: its new value occurs where it did not, or it
    does not occur any more, but did. None if all are.

    If a value was part of another, its own occurrences must be left.
    """
    for before, after in zip(old.history, new.history, strict=True):
        old_text, new_text = before.text(), after.text()
        for value, other in new_values.items():
            after_count = len(find_value(new_text, other, "string"))
            if after_count > len(find_value(old_text, value, "string")):
                return value
    for (_, was), (_, now) in zip(_values(old), _values(new), strict=True):
        if is_verbatim(old.history, was, "string") and not is_verbatim(new.history, now, "string"):
            return folded(was)
    return None


def _values(sample: Sample) -> list[tuple[str, str]]:
    """Names and values of filled slots and arguments, if they are text."""
    texts = [(name, value.strip()) for name, value in _fields(sample) if isinstance(value, str)]
    return [(name, value) for name, value in texts if folded(value)]


def _spellings(samples: Sequence[Sample]) -> dict[Hashable, set[str | None]]:
    """The texts of each value, by meaning; None for a number, which has no text of its own."""
    ways: dict[Hashable, set[str | None]] = {}
    for sample in samples:
        for _, value in _fields(sample):
            way = folded(value) if isinstance(value, str) else None
            ways.setdefault(meaning(value), set()).add(way)
    return ways


def _fields(sample: Sample) -> list[tuple[str, Any]]:
    arguments = flatten(sample.tool.arguments) if sample.tool else {}
    return [*sample.slots.items(), *arguments.items()]
