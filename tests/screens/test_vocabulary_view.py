"""VocabularyView: pieces, search, and a text with its tokens."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import convert
from textual import on
from textual.pilot import Pilot
from textual.widgets import Input

from tests.screens.panes import PaneApp, assert_golden
from tests.screens.whole_screen import shown
from trm_engine.runs.schema.answers import TokenColumns, Tokenization
from trm_engine.runs.schema.model_file import Vocabulary
from trm_tui.widgets.checkpoint.vocabulary import VocabularyView
from trm_tui.widgets.conversation.tokenised import Tokenised, rows_of
from trm_tui.widgets.table.rows import CursorRows
from trm_tui.widgets.table.search_bar import SearchBar

PIECES = ["<pad>", "<unk>", "<user>", "<0x0A>", "▁", "▁hello", "▁Hello", "s", "\x1b[2J", "[b]x[/]",
          "日本", "▁wor", "ld"]  # fmt: skip
TYPES = ["control", "unknown", "control", "byte", *["normal"] * 9]
VOCABULARY = {
    "kind": "unigram",
    "pieces": PIECES,
    "scores": [0.0] * 4 + [-float(place) / 3 for place in range(9)],
    "types": TYPES,
}
TEXT = "Hello world 日本 [b]x[/]\x07"


def answer(pieces: list[str], places: list[tuple[int, int]]) -> Tokenization:
    """What ``tokenize`` says of a text."""
    ids = [PIECES.index(piece) if piece in PIECES else 1 for piece in pieces]
    begins, ends = [begin for begin, _ in places], [end for _, end in places]
    turns, roles = [0] * len(ids), ["user"] * len(ids)
    tokens = TokenColumns(
        ids=ids, pieces=pieces, begins=begins, ends=ends, turns=turns, roles=roles
    )
    return Tokenization(tokens=tokens)


ANSWER = answer(
    ["▁Hello", "▁wor", "ld", "▁", "日本", "▁", "[b]x[/]", "\x07"],
    [(0, 5), (6, 9), (9, 11), (12, 12), (12, 14), (15, 15), (15, 22), (22, 23)],
)


class VocabularyApp(PaneApp):
    """Keeps what was asked."""

    @on(VocabularyView.TokensRequested)
    def keep(self, message: VocabularyView.TokensRequested) -> None:
        """Keep one."""
        self.heard.append(message.text)


async def filled(pilot: Pilot[None]) -> VocabularyView:
    """The view with the pieces above, its rows focused."""
    view = pilot.app.query_one(VocabularyView)
    view.show(convert(VOCABULARY, Vocabulary))
    view.query_one(CursorRows).focus()
    await pilot.pause()
    return view


async def typed(pilot: Pilot[None], text: str = TEXT) -> VocabularyView:
    """The view with a text and its tokens."""
    view = await filled(pilot)
    await pilot.press("t")
    pilot.app.focused.value = text  # type: ignore[union-attr]
    await pilot.pause()
    view.show_tokens(ANSWER, text)
    await pilot.pause()
    return view


async def look_for(pilot: Pilot[None], words: str) -> None:
    """Put other words into the open search bar."""
    pilot.app.query_one(SearchBar).query_one(Input).value = words
    await pilot.pause()


@pytest.mark.parametrize("size", [(34, 16), (80, 24)])
async def test_as_text(size: tuple[int, int]) -> None:
    async with VocabularyApp(VocabularyView()).run_test(size=size) as pilot:
        await typed(pilot)
        await pilot.press("enter", "right")
        assert_golden(f"vocabulary_view_{size[0]}x{size[1]}", shown(pilot.app))


async def test_pieces_are_found_by_words_and_by_id() -> None:
    async with VocabularyApp(VocabularyView()).run_test(size=(60, 20)) as pilot:
        view = await filled(pilot)
        await pilot.press("slash", "H")
        await look_for(pilot, " HEL")
        assert "▁hello" in shown(pilot.app) and "▁Hello" in shown(pilot.app)
        assert str(view.border_subtitle) == "2 of 13 pieces · unigram"
        await look_for(pilot, "10")
        assert "日本" in shown(pilot.app) and "hello" not in shown(pilot.app)
        await look_for(pilot, "zzz")
        await pilot.press("down")
        assert "No piece contains these words" in shown(pilot.app)
        await pilot.press("escape")
        assert "13 pieces" in shown(pilot.app) and view.query_one(CursorRows).cursor() == 10


async def test_what_is_typed_is_asked_and_a_token_leads_to_its_piece() -> None:
    app = VocabularyApp(VocabularyView())
    async with app.run_test(size=(60, 24)) as pilot:
        view = await filled(pilot)
        await pilot.press("t", *"Hi q/")
        assert app.heard == ["H", "Hi", "Hi ", "Hi q", "Hi q/"]
        view.show_tokens(answer(["▁Hello", "ld"], [(0, 2), (3, 5)]))
        await pilot.pause()
        assert '2 tokens · 1: ▁Hello · id 6 · characters 0 to 2 "Hi"' in shown(app)
        await pilot.press("enter", "right")
        assert '2: ld · id 12 · characters 3 to 5 "q/"' in shown(app)
        await pilot.press("enter")
        assert view.query_one(CursorRows).cursor() == 12
        await pilot.press("escape")
        assert view.query_one(CursorRows).has_focus
        await pilot.press("t", "ctrl+u")
        view.show_tokens(ANSWER)  # late: the text is gone
        await pilot.pause()
        assert app.heard[-1] == "" and "8 tokens" not in shown(app)


async def test_the_cursor_walks_over_rows_of_tokens() -> None:
    app = VocabularyApp(VocabularyView())
    async with app.run_test(size=(34, 20)) as pilot:
        view = await typed(pilot)
        tokens = view.query_one(Tokenised)
        await pilot.press("enter", "down")
        assert "7: [b]x[/]" in shown(app)
        await pilot.press("G", "down", "right")
        assert "8: \\x07" in shown(app)
        await pilot.press("up", "g", "left")
        assert "1: ▁Hello" in shown(app)
        await pilot.click(tokens, offset=(9, 1))
        assert "2: ▁wor" in shown(app)


async def test_before_there_is_a_vocabulary() -> None:
    async with VocabularyApp(VocabularyView()).run_test(size=(60, 12)) as pilot:
        assert "No tokenizer known" in shown(pilot.app)
        await pilot.press("down", "slash", "x", "escape")
        assert "No tokenizer known" in shown(pilot.app)


@pytest.mark.parametrize("size", [(1, 1), (14, 6)])
async def test_any_size(size: tuple[int, int]) -> None:
    async with VocabularyApp(VocabularyView()).run_test(size=size) as pilot:
        await typed(pilot)
        await pilot.press("enter", "down", "G", "left", "g", "enter", "escape", "slash", "l")


async def test_a_large_vocabulary_is_searched_at_once() -> None:
    async with VocabularyApp(VocabularyView()).run_test(size=(60, 20)) as pilot:
        view = pilot.app.query_one(VocabularyView)
        pieces = [f"▁piece{place}" for place in range(100_000)]
        kinds = {"scores": [0.0] * len(pieces), "types": ["normal"] * len(pieces)}
        view.show(convert({"kind": "bpe", "pieces": pieces, **kinds}, Vocabulary))
        begin = time.process_time()
        view.narrow("e99")
        assert time.process_time() - begin < 0.5
        assert "1,111 of 100,000" in str(view.border_subtitle)


@given(st.lists(st.integers(1, 30), max_size=40), st.integers(3, 80))
def test_rows_hold_all_tokens_and_fit(widths: list[int], width: int) -> None:
    starts = rows_of(widths, width)
    assert starts == sorted(set(starts)) and starts[:1] == [0][: len(widths)]
    for begin, end in pairwise([*starts, len(widths)]):
        used = 1 + sum(min(each, width - 2) + 1 for each in widths[begin:end])
        assert used <= width
        if end < len(widths):
            assert used + min(widths[end], width - 2) + 1 > width
