"""The user's own keys: keys.yaml in the user's configuration folder, checked against the table."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from platformdirs import user_config_path
from textual.keys import KEY_NAME_REPLACEMENTS, Keys

from trm_engine.errors import ConfigError, did_you_mean, in_words
from trm_engine.files.plain_yaml import Document, YamlError, read_yaml
from trm_tui.keys import EVERYWHERE, KEYS, ROWS, WITH_ROWS, Key, binding_id

Keymap = dict[str, str]
"""Textual's names of keys, separated by commas, by binding id."""

MODIFIERS = frozenset(("alt", "ctrl", "hyper", "meta", "shift", "super"))


def _sign(character: str) -> str:
    """Textual's name of a sign, such as ``question_mark``."""
    name = unicodedata.name(character).lower().replace("-", "_").replace(" ", "_")
    return KEY_NAME_REPLACEMENTS.get(name, name)


SIGNS = [each for each in map(chr, range(0x20, 0x100)) if each.isprintable() and not each.isalnum()]
KNOWN = {key.value for key in Keys} | set(map(_sign, SIGNS))
EXPECTED = "expected the name of a key, such as x, f5, ctrl+s, shift+left or space"

HEAD = """\
# The keys of trm-tui. To change one, remove its "#" and give another key; then
# save this as {path}
# Several keys: [x, ctrl+s]. Names: x, X, f5, ctrl+s, shift+left, space, plus.
"""


@dataclass(frozen=True)
class _Bound:
    """A key of the table and the part that it belongs to."""

    where: str
    key: Key

    @property
    def id(self) -> str:
        return binding_id(self.where, self.key)

    @property
    def keys(self) -> set[str]:
        """Its keys, unless the user changes them."""
        return set(self.key.keys.split(","))


BOUND = {each.id: each for each in (_Bound(part, key) for part in KEYS for key in KEYS[part])}


def keymap_path() -> Path:
    """The user's keymap. XDG_CONFIG_HOME can move it."""
    return user_config_path("trm-tui") / "keys.yaml"


def read_keymap() -> Keymap:
    """The user's keymap; {} if there is no file.

    Raises:
        ConfigError: the file cannot be read, names what is unknown, or two keys clash.
    """
    path = keymap_path()
    try:
        return keymap_of(path.read_bytes().decode("utf-8"), path)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(in_words(error)) from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not UTF-8 text") from None


def keymap_of(text: str, path: Path) -> Keymap:
    """The keymap that a file has.

    Raises:
        ConfigError: it is not YAML, names what is unknown, or two keys clash.
    """
    try:
        document = read_yaml(text)
    except YamlError as error:
        raise ConfigError(f"{path}:{error.line or 1}: {error.problem}") from None
    keymap: Keymap = {}
    problems = [*_fill(keymap, document.value), *_clashes(keymap)]
    if problems:
        raise ConfigError("\n".join(_placed(path, document, *each) for each in problems))
    return keymap


def for_textual(keymap: Keymap) -> Keymap:
    """``keymap``, with the keys that share one with a changed key: Textual would unbind them."""
    kept = {
        other.id: other.key.keys
        for changed in keymap
        for other in _beside(BOUND[changed])
        if other.keys & BOUND[changed].keys
    }
    return {**kept, **keymap}


def as_yaml(keymap: Keymap) -> str:
    """A keymap file with every key of the table; those that the user has not changed are comments.

    ``read_keymap`` reads the same keymap from it.
    """
    lines = [HEAD.format(path=keymap_path())]
    for part, keys in KEYS.items():
        lines.append(f"{part}:")
        for key in keys:
            own = keymap.get(binding_id(part, key))
            given = f"{key.name}: [{own or key.keys}]"
            lines.append(f"{'  ' if own else '  # '}{given:<34}  # {key.help}")
    return "\n".join(lines) + "\n"


# Checks -----------------------------------------------------------------------------------------

Problem = tuple[tuple[str, ...], str]
"""The names above a problem in the file, and what is wrong."""


def _fill(keymap: Keymap, parts: Any) -> Iterator[Problem]:
    """Fill ``keymap`` from a file's value, and report what is no key of the table."""
    if not isinstance(parts, dict | None):
        yield (), f"expected parts with their keys, such as {EVERYWHERE}: {{leave: Q}}"
        return
    for part, keys in (parts or {}).items():
        if part not in KEYS:
            yield (part,), f"unknown part '{part}'{did_you_mean(part, KEYS)}"
        elif not isinstance(keys, dict | None):
            yield (part,), f"{part}: expected names with their keys"
        else:
            yield from _fill_part(keymap, part, keys or {})


def _fill_part(keymap: Keymap, part: str, keys: Mapping[str, Any]) -> Iterator[Problem]:
    names = [key.name for key in KEYS[part]]
    for name, given in keys.items():
        if name not in names:
            yield (part, name), f"{part} has no key '{name}'{did_you_mean(name, names)}"
            continue
        listed = given if isinstance(given, list) else str(given).split(",")
        found = [_normal(each) for each in listed]
        wrong = [str(each) for each, known in zip(listed, found, strict=True) if not known]
        if wrong or not found:
            yield (part, name), f"{part}, {name}: {f'{wrong[0]!r}: ' if wrong else ''}{EXPECTED}"
        else:
            keymap[f"{part}.{name}"] = ",".join(found)


def _normal(key: Any) -> str:
    """Textual's name of a key; "" if there is none such."""
    if not isinstance(key, str | int) or isinstance(key, bool):
        return ""
    *modifiers, last = str(key).strip().split("+") if key != "+" else [key]
    last = _sign(last) if len(last) == 1 and last in SIGNS else last
    is_known = last in KNOWN or (len(last) == 1 and last.isalnum())
    return "+".join((*modifiers, last)) if is_known and MODIFIERS.issuperset(modifiers) else ""


def _clashes(keymap: Keymap) -> Iterator[Problem]:
    """Keys that the user gave to two actions of one pane."""
    for changed, given in keymap.items():
        one = BOUND[changed]
        for other in (*_beside(one), *_above_or_below(one)):
            own = keymap.get(other.id, other.key.keys)
            both = set(given.split(",")) & set(own.split(","))
            if both and not one.keys & other.keys:
                names = (one.where, one.key.name)
                yield names, f"{changed}: {min(both)!r} is the key of {other.id}, too"


def _beside(one: _Bound) -> Iterable[_Bound]:
    """The other keys of the panes that have a key."""
    parts = {one.where} | ({ROWS} if one.where in WITH_ROWS else set())
    parts |= WITH_ROWS if one.where == ROWS else set()
    return (each for each in BOUND.values() if each.where in parts and each != one)


def _above_or_below(one: _Bound) -> Iterable[_Bound]:
    """The keys that work everywhere; to one of these, the keys of all parts."""
    is_everywhere = one.where == EVERYWHERE
    return (e for e in BOUND.values() if (e.where == EVERYWHERE) != is_everywhere)


def _placed(path: Path, document: Document, names: tuple[str, ...], problem: str) -> str:
    line = document.line(names)
    return f"{path}:{line}: {problem}" if line else f"{path}: {problem}"
