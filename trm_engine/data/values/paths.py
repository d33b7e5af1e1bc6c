"""Paths: nested arguments as one value for each path, and back.

``{"a": {"b": 1}, "c": ["x", "y"]}`` is ``{"a.b": 1, "c[0]": "x", "c[1]": "y"}``. A ``.``, ``[`` or
``\\`` of a key has a ``\\`` before it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

DEEPEST = 8
"""Levels that have paths. What is nested deeper is one value."""

MOST_ITEMS = 16
"""An array with more items is one value."""

Step = str | int

_SPECIAL = re.compile(r"([.\[\\])")
_KEY = re.compile(r"(?:\\.|[^.\[\\])*", re.DOTALL)
_STEP = re.compile(rf"\[(?P<index>\d+)\]|\.(?P<key>{_KEY.pattern})", re.DOTALL)


def flatten(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The values of arguments by path.

    Empty arrays and objects, long arrays and what is nested very deep stand for themselves.
    """
    leaves = (_leaves(escaped(key), value, 1) for key, value in arguments.items())
    return {path: value for each in leaves for path, value in each}


def unflatten(values: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse of ``flatten``. Items that have no value are left out of their array.

    A path that contradicts an earlier one ("a.b" after "a") is left out.
    """
    root = _Node()
    for path, value in values.items():
        root.put(parse_path(path), value)
    built = root.build()
    return built if isinstance(built, dict) else {}


def parse_path(path: str) -> list[Step]:
    """The keys (text) and indices (numbers) of a path. Raises ValueError if it is none."""
    key = _KEY.match(path)
    steps: list[Step] = [_unescaped(key[0] if key else "")]
    position = key.end() if key else 0
    while position < len(path):
        step = _STEP.match(path, position)
        if step is None:
            raise ValueError(f"not a path: {path}")
        is_index = step["index"] is not None
        steps.append(int(step["index"]) if is_index else _unescaped(step["key"]))
        position = step.end()
    return steps


def shown_path(path: str) -> str:
    """A path for people: one that is a single key is written as the key."""
    steps = parse_path(path)
    return str(steps[0]) if len(steps) == 1 else path


def shown_paths(paths: Iterable[str]) -> dict[str, str]:
    """What people see, by path. Paths that would look alike stay as they are."""
    shown = {path: shown_path(path) for path in paths}
    counts = Counter(shown.values())
    return {path: name if counts[name] == 1 else path for path, name in shown.items()}


def escaped(key: str) -> str:
    """A key as a step of a path."""
    return _SPECIAL.sub(r"\\\1", key)


def _unescaped(step: str) -> str:
    return re.sub(r"\\(.)", r"\1", step, flags=re.DOTALL)


def _leaves(path: str, value: Any, depth: int) -> Iterator[tuple[str, Any]]:
    if value and depth < DEEPEST and isinstance(value, dict):
        for key, each in value.items():
            yield from _leaves(f"{path}.{escaped(key)}", each, depth + 1)
    elif depth < DEEPEST and isinstance(value, list) and 0 < len(value) <= MOST_ITEMS:
        for index, each in enumerate(value):
            yield from _leaves(f"{path}[{index}]", each, depth + 1)
    else:
        yield path, value


class _Node:
    """A place in nested values: a value, or what is below."""

    def __init__(self) -> None:
        self.below: dict[Step, _Node] = {}
        self.values: list[Any] = []

    def put(self, steps: list[Step], value: Any) -> None:
        """Put a value further down, unless that contradicts what is there."""
        node = self
        for step in steps:
            others = next(iter(node.below), step)
            if node.values or isinstance(others, int) is not isinstance(step, int):
                return
            node = node.below.setdefault(step, _Node())
        if not node.below:
            node.values = [value]

    def build(self) -> Any:
        """The nested values."""
        if self.values:
            return self.values[0]
        if any(isinstance(step, int) for step in self.below):
            return [node.build() for _, node in sorted(self.below.items(), key=_index)]
        return {step: node.build() for step, node in self.below.items()}


def _index(item: tuple[Step, _Node]) -> int:
    return int(item[0])
