"""Groups of runs that differ by their seed only."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, Generic, TypeVar

Run = TypeVar("Run")
Values = Mapping[str, Any]
"""Sections with their settings, from ``Config.to_dict``."""

SEED = "training.seed"
PLACES = ("training.output_dir", "training.checkpoint_dir", "data.cache_dir")
"""Settings that say where files are. They never make a difference."""

ALIASES = {"learning_rate": "lr"}
"""Short names of settings that everybody uses."""

RUN_NUMBER = re.compile(r"[-_. ]*(seed|run)?[-_. \d]*$")
"""What names of runs of one configuration differ by: date, time, seed, number."""

MANY = 3
"""Settings that a group's name has at most."""


@dataclass(frozen=True)
class Group(Generic[Run]):
    """Runs that differ by their seed only. ``config`` is that of the first one."""

    name: str
    runs: tuple[Run, ...]
    config: Values

    @property
    def is_single(self) -> bool:
        """Whether it is just one run."""
        return len(self.runs) == 1

    @property
    def title(self) -> str:
        """The name, with the number of runs if there are several."""
        return self.name if self.is_single else f"{self.name} ×{len(self.runs)}"


def flat(config: Values) -> dict[str, Any]:
    """Each setting by its ``section.key``."""
    return {
        f"{section}.{key}": value
        for section, settings in config.items()
        if isinstance(settings, Mapping)
        for key, value in settings.items()
    }


def differing(configs: Iterable[Values]) -> list[str]:
    """The settings in which configurations differ, other than the seed and places of files."""
    known = [flat(config) for config in configs if config]
    keys = list(dict.fromkeys(key for config in known for key in config))
    ignored = {SEED, *PLACES}
    return [key for key in keys if key not in ignored and len({_text(c, key) for c in known}) > 1]


def different_settings(first: Values, second: Values) -> list[str]:
    """The settings in which two configurations differ, other than places of files."""
    one, other = flat(first), flat(second)
    keys = dict.fromkeys([*one, *other])
    return [key for key in keys if key not in PLACES and _text(one, key) != _text(other, key)]


def only(config: Values, keys: Collection[str]) -> dict[str, dict[str, Any]]:
    """The settings with these keys."""
    return {
        section: kept
        for section, settings in config.items()
        if isinstance(settings, Mapping)
        and (kept := {name: v for name, v in settings.items() if f"{section}.{name}" in keys})
    }


def group_runs(
    runs: Iterable[Run], name_of: Callable[[Run], str], config_of: Callable[[Run], Values]
) -> list[Group[Run]]:
    """Group runs, in the order of their first members. A run without configuration is alone.

    A group has what its runs' names have in common. If several groups have the same, their names
    get the settings in which they differ.
    """
    found: dict[str, list[Run]] = {}
    for number, run in enumerate(runs):
        found.setdefault(identity(config_of(run)) or f"alone {number}", []).append(run)
    groups = [
        Group(_common_name([name_of(run) for run in each]), tuple(each), config_of(each[0]))
        for each in found.values()
    ]
    return [_distinct(group, groups) for group in groups]


def apart(
    runs: Iterable[Run], name_of: Callable[[Run], str], config_of: Callable[[Run], Values]
) -> list[Group[Run]]:
    """Each run in a group of its own."""
    return [Group(name_of(run), (run,), config_of(run)) for run in runs]


def short_name(key: str) -> str:
    """A setting's name without its section."""
    name = key.partition(".")[2]
    return ALIASES.get(name, name)


def identity(config: Values) -> str:
    """The same text for configurations that differ by seed and places only; "" for none."""
    values = {key: value for key, value in flat(config).items() if key not in (SEED, *PLACES)}
    return json.dumps(values, sort_keys=True, default=str) if values else ""


def _common_name(names: Sequence[str]) -> str:
    if len(names) == 1:
        return names[0]
    first, last = min(names), max(names)  # all others are between them
    alike = takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    return RUN_NUMBER.sub("", "".join(each for each, _ in alike)) or names[0]


def _distinct(group: Group[Run], groups: Sequence[Group[Run]]) -> Group[Run]:
    namesakes = [each for each in groups if each.name == group.name]
    keys = differing(each.config for each in namesakes) if len(namesakes) > 1 else []
    values = flat(group.config)
    told = [f"{short_name(key)}={values.get(key)}" for key in keys[:MANY]]
    return Group(" ".join([group.name, *told]), group.runs, group.config)


def _text(config: Values, key: str) -> str:
    return json.dumps(config.get(key), sort_keys=True, default=str)
