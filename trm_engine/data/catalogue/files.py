"""Files: documents of tools in JSON, JSON Lines or YAML.

YAML is read here, and not as configurations and stories are: OpenAPI documents are large, have
anchors, and numbers as keys.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from trm_engine.data.fields import ConvertError, parse_json
from trm_engine.data.sources import read_text, read_value

FASTEST: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
NAMES_OF_YAML = {".yaml", ".yml"}
LARGEST = 5_000_000
"""Number of values in a YAML document, each counted as often as aliases repeat it."""
TAG = "tag:yaml.org,2002:"


class _Loader(FASTEST):  # type: ignore[misc]
    """Plain scalars as in YAML 1.2, which OpenAPI is written in: yes, no and dates are text."""

    yaml_implicit_resolvers: dict[str | None, Any] = {}


for _tag, _form, _starts in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
):
    _Loader.add_implicit_resolver(TAG + _tag, re.compile(f"^(?:{_form})$"), list(_starts))


def read_document(path: Path) -> Any:
    """The value of a file: YAML where the name says so, else what the content is."""
    if not NAMES_OF_YAML & {suffix.lower() for suffix in path.suffixes}:
        return read_value(path)
    text = read_text(path)
    with suppress(ValueError):
        return parse_json(text)
    return _yaml(text, path)


def _yaml(text: str, path: Path) -> Any:
    """A YAML document as JSON has it: every key is text."""
    try:
        value = yaml.load(text, Loader=_Loader)
        if _size(value, {}) > LARGEST:
            raise ValueError(f"its anchors stand for more than {LARGEST:,} values")
        return json.loads(json.dumps(value, allow_nan=False))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        told = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise ConvertError(f"{path}{line}: expected YAML ({told})") from None
    except (ValueError, TypeError, RecursionError) as error:
        raise ConvertError(f"{path}: expected YAML of JSON's types ({error})") from None


def _size(value: Any, known: dict[int, int]) -> int:
    """The number of values in a value. ``known``: that of each list and object, by identity."""
    if not isinstance(value, dict | list):
        return 1
    if id(value) not in known:
        known[id(value)] = LARGEST + 1  # if it contains itself
        inner = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_size(each, known) for each in inner)
    return known[id(value)]
