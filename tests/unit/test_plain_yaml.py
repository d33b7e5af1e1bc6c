"""YAML: only what configurations need is read, in time that the length of the text bounds."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
import yaml

from tests.mutations import mutate
from tests.support import rounds
from trm_engine.files.plain_yaml import DEEPEST, LONGEST, LONGEST_ESCAPED, YamlError, read_yaml

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


def refused(text: str) -> str:
    with pytest.raises(YamlError) as caught:
        read_yaml(text)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("# nothing\n", None),
        ("---\na: 1\n", 1),
        ("a: [1, 2.5, true, null, x, ~, 'y', .inf]", [1, 2.5, True, None, "x", None, "y", 1e999]),
        ("a: {b: {c: []}}", {"b": {"c": []}}),
        ("a: 2024-01-01", "2024-01-01"),
        ("a: <<", "<<"),
        ("a: =", "="),
        ("a: !!str 1", "1"),
        ("a: '1'", "1"),
        ("a: 0x10", 16),
        ("a: 1_000", 1000),
        ("a: |\n  one\n  two\n", "one\ntwo\n"),
        ('a: "\\ud83d\\ude00"', "😀"),
        ('a: "\\udcff"', "\udcff"),
        ("a: &unused [1]", [1]),
    ],
)
def test_plain_values_are_read(text: str, value: Any) -> None:
    expected = (
        value if value is None or (isinstance(value, dict) and "a" in value) else {"a": value}
    )
    assert read_yaml(text).value == expected


def test_the_line_of_each_key_is_known() -> None:
    document = read_yaml("a:\n  b: 1\n  c:\n  - d: 2\nx: 3\n")
    assert document.line(("a", "b")) == 2
    assert document.line(("a", "c", "d")) == 4
    assert document.line(("a", "none")) == 1
    assert document.line(("none",)) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (LAUGHS, "line 2: an alias, *a; write the value itself"),
        ("a: &a [*a]", "line 1: an alias, *a"),
        ("a:\n  <<: *b", "line 2: an alias, *b"),
        ("a: !!timestamp 2024-01-01", "line 1: a value of type 'timestamp'"),
        ("a:\n  b: !!set {c}", "line 2: a value of type 'set'"),
        ("a: !!binary aGk=", "line 1: a value of type 'binary'"),
        ("a: !!omap []", "line 1: a value of type 'omap'"),
        ("!!python/object/apply:os.system [x]", "line 1: a value of type 'python/object/apply"),
        ("!!python/name:os.system", "line 1: a value of type 'python/name:os.system'"),
        ("a: !mine x", "line 1: a value of type '!mine'"),
        ("a: !!int x", "line 1: 'x' is no int"),
        ("a: !!bool x", "line 1: 'x' is no bool"),
        ("1: x", "line 1: a key must be text"),
        ("a: 1\nnull: x", "line 2: a key must be text"),
        ("[a]: b", "line 1: a key must be text"),
        ("? {a: 1}\n: b", "line 1: a key must be text"),
        ("a: 1\na: 2", "line 2: 'a' is given twice"),
        ("- {a: {b: 1, b: 2}}", "line 1: 'b' is given twice"),
        ("[" * 100_000, "line 1: nested too deeply"),
        ("{a: " * 100_000, "line 1: nested too deeply"),
        ("- " * 30_000 + "x", "line 1: nested too deeply"),
        (f"a: {'9' * 101}", "line 1: a number of more than 100 digits"),
        (f"a: {'1:' * 90_000}1", "line 1: a number of more than 100 digits"),
        ("a: 1\n---\nb: 2", "line 2: a second document begins"),
        ("a: b: c", "line 1: not valid YAML: mapping values are not allowed"),
        ("a: \0", "not valid YAML: "),
        ("a: \ud800", "not Unicode text"),
        ('a: "\\ud83d"', "line 1: not Unicode text"),
        ("x" * (LONGEST + 1), f"longer than {LONGEST} characters"),
        ("# \\u\na: [" + "1, " * (LONGEST_ESCAPED // 3) + "]", "longer than 65536 characters with"),
    ],
)
def test_all_else_is_refused_with_its_line(text: str, said: str) -> None:
    assert refused(text).startswith(said)


def test_nesting_has_a_limit() -> None:
    read_yaml("[" * DEEPEST + "]" * DEEPEST)
    refused("[" * (DEEPEST + 1) + "]" * (DEEPEST + 1))


def test_what_is_written_is_read() -> None:
    value = {"a": {"b": [1, 1e-7, None, False, "yes", "1", "2024-01-01", "ünï 😀 \udcff", ""]}}
    assert read_yaml(yaml.safe_dump(value)).value == value
    assert read_yaml(yaml.safe_dump(value, allow_unicode=True)).value == value


def test_a_mutated_text_is_read_or_refused() -> None:
    text = (
        b'model: {hidden_size: 64}\ntraining:\n  seed: 1\n  output_dir: "a b"\ndata:\n- !!int 1\n'
    )
    for seed in range(rounds(300)):
        mutated = mutate(text, Random(seed)).decode("utf-8", "surrogateescape")
        try:
            read_yaml(mutated)
        except YamlError as error:
            assert "\n" not in str(error)
