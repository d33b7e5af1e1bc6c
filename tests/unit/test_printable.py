"""Printable text: nothing of it steers or deceives a terminal."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trm_engine.printable import one_line, printable

ANYTHING = st.text(st.characters(codec=None))


@given(ANYTHING)
@example("\x1b[31mred\x07 \x9b2J \u202etxt.exe \ud800 \u2028 \x7f \r")
def test_nothing_of_it_steers_a_terminal(text: str) -> None:
    for character in printable(text).replace("\n", ""):
        assert unicodedata.category(character) not in {"Cc", "Cs", "Zl", "Zp"}
    assert not set(printable(text)) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
    printable(text).encode("utf-8")
    assert "\n" not in one_line(text)


@given(st.text("aZ 0é漢😀مر[]\\/\n"))
def test_what_is_plain_stays(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\tb", "a    b"),
        ("a\r\nb", "a\nb"),
        ("a\rb", "a\\rb"),
        ("\x1b[0m", "\\x1b[0m"),
        ("\u202eabc", "\\u202eabc"),
        ("\ud83d", "\\ud83d"),
        ("👩‍👩‍👧", "👩‍👩‍👧"),
    ],
)
def test_what_is_shown_instead(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_one_line() -> None:
    assert one_line(" a \n\n b\tc \x00") == "a b c \\x00"
