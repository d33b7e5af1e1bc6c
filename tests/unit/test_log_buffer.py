"""Log lines: made safe, wrapped, filtered, found; the same as the plainest way to do it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from trm_tui.store.log import LogLine
from trm_tui.text.wrapped import lines_of, wrap
from trm_tui.widgets.log.buffer import LEVELS, LogBuffer, fold

texts = st.text(st.sampled_from("ab AB.İß李😀\u0301\u200d\t\n\x1b[31m"), max_size=40)
entries = st.builds(
    LogLine,
    t=st.floats(0, 2e9),
    level=st.sampled_from(LEVELS),
    message=texts,
    step=st.none() | st.integers(0, 10**6),
)


@given(st.text(max_size=60), st.integers(1, 30))
def test_wrapping_loses_nothing_and_fits(text: str, width: int) -> None:
    parts = wrap(text, width)
    assert "".join(parts) == text
    assert all(parts) or parts == [""]
    if width > 1:
        assert all(cell_len(part.removesuffix(" ")) <= width for part in parts)


def test_words_are_whole_where_they_fit() -> None:
    assert wrap("saved the best checkpoint", 10) == ["saved the ", "best ", "checkpoint"]
    assert wrap("a/path/that/is/longer", 8) == ["a/path/t", "hat/is/l", "onger"]
    assert wrap("    indented", 8) == ["    inde", "nted"]


@given(st.text(max_size=60))
def test_lines_can_be_shown(text: str) -> None:
    for line in lines_of(text):
        assert not any(character < " " or character in "\x7f\x9b\u202e" for character in line)


def test_sequences_for_a_terminal_are_left_out() -> None:
    coloured = "\x1b[1;31mred\x1b[0m \x1b]8;;http://x\x1b\\link\x1b]0;title\x07"
    assert lines_of(coloured) == ["red link"]
    assert lines_of("10 %\r100 %\nbell \x07\ttab") == ["10 %", "100 %", "bell \\x07    tab"]


@given(st.text(max_size=60))
def test_folding_keeps_places(text: str) -> None:
    assert len(fold(text)) == len(text)
    assert fold(fold(text)) == fold(text)


@given(
    st.lists(st.lists(entries, max_size=6), max_size=6),
    st.integers(0, 12),
    st.integers(0, 2),
    st.integers(1, 20),
    st.sampled_from(["", "a", "B", "ß", "zz", "ab"]),
)
def test_rows_and_finds_are_those_of_the_plainest_way(
    batches: list[list[LogLine]], width: int, level: int, most: int, words: str
) -> None:
    buffer = LogBuffer(most)
    buffer.set_width(width)
    buffer.set_min_level(level)
    for batch in batches:
        buffer.add(batch)
    lines = [(e, line) for batch in batches for e in batch for line in lines_of(e.message)]
    kept = list(enumerate(lines))[buffer.dropped :]

    assert buffer.total == len(lines)
    assert len(buffer) == len(kept) <= most
    wanted = [
        (number, part)
        for number, (entry, line) in kept
        if LEVELS.index(entry.level) >= level
        for part in (wrap(line, width) if width else [line])
    ]
    rows = [buffer.row(position) for position in range(buffer.rows)]
    got = [(row.number, buffer.line(row.number).text[row.start : row.end]) for row in rows if row]
    assert got == wanted
    assert buffer.row(buffer.rows) is None
    for position, row in enumerate(rows):
        assert row and buffer.position_of(row.number, row.part) == position
    shown = dict.fromkeys(number for number, _ in wanted)
    holds = [n for n in shown if words and fold(words) in fold(lines[n][1])]
    assert buffer.find(words) == holds
    assert buffer.find(words, since=3) == [n for n in holds if n >= 3]


@given(st.lists(entries, max_size=20), st.integers(1, 10), st.integers(1, 10))
def test_wrapping_anew_is_wrapping_at_once(log: list[LogLine], before: int, after: int) -> None:
    first, second = LogBuffer(), LogBuffer()
    first.set_width(before)
    first.add(log)
    first.set_width(after)
    second.set_width(after)
    second.add(log)
    assert [first.row(n) for n in range(first.rows)] == [second.row(n) for n in range(second.rows)]


def test_of_too_many_lines_the_newest_stay() -> None:
    buffer = LogBuffer(max_lines=100)
    for number in range(1050):
        buffer.add([LogLine(0.0, "info", f"line {number}")])
    assert 90 <= len(buffer) <= 100
    assert buffer.line(buffer.total - 1).text == "line 1049"
    assert buffer.line(buffer.dropped).text == f"line {buffer.dropped}"
