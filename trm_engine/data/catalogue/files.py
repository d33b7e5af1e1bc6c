"""Files: documents of tools in JSON, JSON Lines or YAML."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

from trm_engine.data.fields import ConvertError
from trm_engine.data.sources import read_text, read_value

FASTEST: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
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
    """The value of a file: YAML where the name says so, else JSON or JSON Lines."""
    if path.suffix.lower() in (".yaml", ".yml"):
        return _yaml(read_text(path), path)
    return read_value(path)


def _yaml(text: str, path: Path) -> Any:
    """A YAML document as JSON has it: every key is text."""
    try:
        value = yaml.load(text, Loader=_Loader)
        return json.loads(json.dumps(value, allow_nan=False))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        told = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise ConvertError(f"{path}{line}: expected YAML ({told})") from None
    except (ValueError, TypeError, RecursionError) as error:
        raise ConvertError(f"{path}: expected YAML of JSON's types ({error})") from None
