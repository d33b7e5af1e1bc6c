"""Mutations that keep the form of JSON or YAML and change what it says, and hostile names."""

from __future__ import annotations

import copy
import json
import math
from random import Random
from typing import Any

from tests.mutations import mutate

ESCAPES = (
    "\x1b]52;c;VFJN\x07",
    "\x1b[31337m",
    "\x9b31337m",
    "\x1b]0;title\x1b\\",
    "\u202etxt.exe\u2066",
    "\x08\x08\x08",
    "\r\x1b[2K",
    "\x1bP+q544e\x1b\\",
    "\u2028\u2029\u0085\x0b\x0c",
)
"""What a terminal would obey."""

NESTED: Any = 0
for _ in range(400):
    NESTED = [NESTED]

VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    7.5,
    2**31,
    2**63,
    2**64,
    10**30,
    -(10**300),
    1e308,
    math.nan,
    math.inf,
    -math.inf,
    "",
    " ",
    "NaN",
    "x" * 20_000,
    "\0",
    "\ud800",
    "[/]",
    "[bold red]",
    "%s%n{0}{x}",
    "../../../../etc/passwd",
    "/dev/zero",
    "/",
    "-",
    "--help",
    "yes",
    "2001-01-01",
    "😀",
    *ESCAPES,
    [],
    {},
    [[]],
    [{}],
    {"": ""},
    {"name": {}},
    [None, 1, "a", {}],
    NESTED,
)


def mutate_tree(value: Any, rng: Random) -> Any:
    """The value with one to three of its parts changed."""
    holder = [copy.deepcopy(value)]
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        parent, key = _place(holder, rng)
        _change(parent, key, rng)
    return holder[0] if holder else None


def _place(holder: list[Any], rng: Random) -> tuple[Any, Any]:
    """A part, as its container and its key there; every depth is likely."""
    parent: Any = holder
    key: Any = 0
    while True:
        part = parent[key]
        if isinstance(part, dict | list) and part and rng.random() < 0.75:
            parent, key = (
                part,
                rng.choice(list(part) if isinstance(part, dict) else range(len(part))),
            )
        else:
            return parent, key


def _change(parent: Any, key: Any, rng: Random) -> None:
    kind = rng.choice(("value", "value", "value", "drop", "rename", "double", "wrap", "text"))
    part = parent[key]
    if kind == "drop" and len(parent) > 1:
        del parent[key]
    elif kind == "rename" and isinstance(parent, dict):
        name = rng.choice([*parent, *filter(_is_text, VALUES)])
        parent[name] = parent.pop(key)
    elif kind == "double":
        parent[key] = [part, part] if rng.random() < 0.5 else {"a": part, "b": part}
    elif kind == "wrap":
        parent[key] = [part] if rng.random() < 0.5 else {str(key): part}
    elif kind == "text":
        parent[key] = part + rng.choice(ESCAPES) if isinstance(part, str) else str(part)
    else:
        parent[key] = copy.deepcopy(rng.choice(VALUES))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def to_json(value: Any, rng: Random) -> bytes:
    """As JSON, as some writers write it: escaped or not, keys twice, NaN, half characters."""
    text = json.dumps(value, ensure_ascii=rng.random() < 0.5)
    if rng.random() < 0.1 and isinstance(value, dict) and value:
        key = rng.choice(list(value))
        again = json.dumps({key: rng.choice(VALUES)}, ensure_ascii=True)
        text = f"{text[:-1]}, {again[1:]}"
    return text.encode("utf-8", "surrogatepass")


def mutate_record(record: Any, rng: Random) -> bytes:
    """A JSON document, changed in its form or in its bytes."""
    if rng.random() < 0.6:
        return to_json(mutate_tree(record, rng), rng)
    return mutate(to_json(record, rng), rng)


def mutate_lines(lines: list[Any], rng: Random) -> bytes:
    """JSON lines, of which one is another, or the file's bytes are."""
    whole = [to_json(line, rng).replace(b"\n", b" ") for line in lines]
    if rng.random() < 0.6:
        place = rng.randrange(len(lines))
        whole[place] = mutate_record(lines[place], rng).replace(b"\n", b" ")
        return b"\n".join(whole) + b"\n" * rng.randrange(2)
    return mutate(b"\n".join(whole) + b"\n", rng)


YAML_PARTS = (
    "&a [*a, *a]",
    "&a {b: *a}",
    "*missing",
    "2001-01-01",
    "2001-01-01T25:61:00Z",
    "!!timestamp 9999-99-99",
    "!!timestamp x",
    "!!float x",
    "!!int ''",
    "!!binary '%%%'",
    "!!set {a, b}",
    "!!omap [a: 1]",
    "!!python/object/apply:os.system [true]",
    "!unknown x",
    "1:30:99",
    "0x_",
    "0b2",
    "1_000_000",
    "1e9999",
    ".inf",
    ".nan",
    "-.Inf",
    "~",
    "yes",
    "'",
    '"\\x1b[31m"',
    '"\\ud800"',
    "|\n  text",
    "{? a : b, ? [c] : d}",
    "{[1]: 2}",
    "{<<: 1}",
    "<<: [a]",
    "- a\n- b",
    "\t",
    "%YAML 9.9\n---",
    "---\na: 1\n---\nb: 2",
    "[" * 800,
    "{a: " * 800,
    "9" * 5000,
    "18446744073709551616",
    "\0",
    "\ufffe",
    "\x1b]52;c;VFJN\x07",
    "#",
)

MULTIPLYING = "\n".join(
    [
        f"a0: &a0 [{', '.join('x' * 9)}]",
        *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)),
    ]
)
"""Aliases that stand for 9^12 values."""

MERGING = "\n".join(
    [
        "a0: &a0 {x: 1}",
        *(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 12)),
    ]
)


def mutate_yaml(text: str, rng: Random) -> bytes:
    """A YAML file of which one value, or some bytes, are others."""
    kind = rng.random()
    if kind < 0.35:
        return mutate(text.encode(), rng)
    if kind < 0.40:
        bomb = rng.choice((MULTIPLYING, MERGING))
        return f"{bomb}\n{text}\n".encode() if rng.random() < 0.5 else f"{text}\n{bomb}\n".encode()
    lines = text.splitlines()
    place = rng.randrange(len(lines))
    name, colon, _ = lines[place].partition(":")
    part = rng.choice((rng.choice(YAML_PARTS), _yaml_value(rng)))
    if rng.random() < 0.15:
        lines[place] = part
    elif rng.random() < 0.1:
        lines[place] = f"{name[: len(name) - len(name.lstrip())]}{part}: 1"
    else:
        lines[place] = f"{name}{colon or ':'} {part}"
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def _yaml_value(rng: Random) -> str:
    """A JSON value is a YAML value."""
    return json.dumps(rng.choice(VALUES), ensure_ascii=rng.random() < 0.5)


def hostile_name(rng: Random, suffix: str = "") -> bytes:
    """A file's name that some reader, shell or terminal may take for something else."""
    core = rng.choice(NAMES)
    if rng.random() < 0.3:
        core = core[:100] + rng.choice(NAMES)[:100]
    return core[: 255 - len(suffix)] + suffix.encode()


NAMES: tuple[bytes, ...] = (
    b"-x",
    b"--help",
    b"--",
    b" ",
    b" lead and trail ",
    b"line\nbreak",
    b"tab\there",
    b"carriage\rreturn",
    b"quote'quote\"",
    b"[/]",
    b"[bold red]x",
    b"[link=file:///]x[/link]",
    b"%s%n{0}",
    b"$(touch owned)",
    b"`touch owned`",
    b";touch owned;",
    b"a*b?",
    b"~",
    b"...",
    b"null",
    b"yes",
    b"1e5",
    b"2001-01-01",
    b"builtin",
    b"a: b",
    b"- a",
    b"#a",
    b"&a",
    b"*a",
    b"!!int",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"a\xc3",
    "😀👩‍👩‍👧".encode(),
    "e\u0301\u0301".encode(),
    "\u202etxt.exe".encode(),
    "\u200b\u2066".encode(),
    "李小龙".encode(),
    b"\x1b]52;c;VFJN\x07",
    b"\x1b[31337m",
    "\x9b31337m".encode(),
    b"\x7f\x08",
    b"x" * 255,
    "é".encode() * 127,
)
