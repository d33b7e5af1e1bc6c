"""VocabularyView: a tokenizer's pieces, and how it cuts a text that is typed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from trm_engine.printable import printable
from trm_tui.keys import ROWS, VOCABULARY, bindings
from trm_tui.widgets.conversation.tokenised import Tokenised
from trm_tui.widgets.log.buffer import fold
from trm_tui.widgets.table.columns import Cells, Column, Layout
from trm_tui.widgets.table.rows import CursorRows
from trm_tui.widgets.table.search_pane import SearchRows

SPACE = "▁"
"""How SentencePiece writes a space."""

NO_PIECES, NOT_FOUND = "No tokenizer known", "No piece has these words"


class VocabularyView(SearchRows):
    """Pieces with ids and scores, under a text and its tokens."""

    DEFAULT_CSS = """
    VocabularyView { layout: vertical; }
    VocabularyView > Horizontal { height: 1; }
    VocabularyView > Horizontal > Static { width: 10; color: $accent; text-style: bold; }
    VocabularyView > Horizontal > Input { width: 1fr; background: transparent; }
    VocabularyView > Horizontal > Input:focus { background: transparent; }
    VocabularyView > Tokenised { max-height: 45%; margin-bottom: 1; display: none; }
    VocabularyView > Tokenised.-known { display: block; }
    VocabularyView > PieceRows { height: 1fr; }
    """
    BINDINGS = [*bindings(VOCABULARY), *bindings(ROWS)]

    @dataclass
    class Asked(Message):
        """The tokens of a text are wanted; it is posted at every change of the text."""

        text: str

    def __init__(self, **options: Any) -> None:
        super().__init__("words of a piece, or an id", **options)
        self.border_title = "Vocabulary"
        self._kind = ""
        self._input = Input(placeholder="a text to see its tokens", compact=True)
        self._tokens = Tokenised()
        self._pieces = PieceRows()

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Static("tokenise")
            yield self._input
        yield self._tokens
        yield self._pieces
        yield self.search

    def show(self, vocabulary: Mapping[str, Any] | None) -> None:
        """Show the engine's answer to ``vocabulary``; None where there is no tokenizer."""
        vocabulary = vocabulary or {}
        self._kind = str(vocabulary.get("kind", ""))
        names = ("pieces", "scores", "types")
        self._pieces.show(*(vocabulary.get(name, ()) for name in names))
        self.narrow(self.words)

    def show_tokens(self, answer: Mapping[str, Any], text: str | None = None) -> None:
        """Show the engine's answer to ``tokenize``; ``text`` is what was asked about."""
        if not self._input.value:  # it was emptied before the answer came
            return
        self._tokens.show(answer, [self._input.value if text is None else text])
        self._tokens.add_class("-known")

    def narrow(self, words: str) -> None:
        """Only pieces that have these words; blanks stand for ▁."""
        self._pieces.narrow(words)
        shown, count = self._pieces.row_count(), self._pieces.total
        of_all = f" of {count:,}" if shown < count else ""
        self.border_subtitle = Content(
            " · ".join([f"{shown:,}{of_all} pieces", self._kind]) if count else ""
        )

    def action_type(self) -> None:
        """To the text."""
        self._input.focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Escape leaves the search, the text or the tokens."""
        if action == "close_search":
            return self.search.is_open or not self._pieces.has_focus
        return super().check_action(action, parameters)

    @on(Input.Changed)
    def _ask(self, event: Input.Changed) -> None:
        event.stop()
        if event.input is self._input:
            if not event.value:
                self._tokens.remove_class("-known")
            self.post_message(self.Asked(event.value))

    @on(Input.Submitted)
    def _to_tokens(self, event: Input.Submitted) -> None:
        event.stop()
        if self._tokens.has_class("-known"):
            self._tokens.focus()

    @on(Tokenised.Chosen)
    def _to_piece(self, event: Tokenised.Chosen) -> None:
        event.stop()
        self.search.close()
        self.narrow("")
        self._pieces.go_to_id(event.id)


class PieceRows(CursorRows):
    """The rows of the vocabulary, by id."""

    ALLOW_MAXIMIZE = False
    EMPTY = NO_PIECES

    def __init__(self) -> None:
        super().__init__()
        self._pieces: Sequence[str] = ()
        self._scores: Sequence[float] = ()
        self._types: Sequence[str] = ()
        self._folded: list[str] = []
        self._ids: Sequence[int] = ()
        self._cursor = self._here = 0

    @property
    def total(self) -> int:
        """How many pieces there are, shown or not."""
        return len(self._pieces)

    def show(self, pieces: Sequence[str], scores: Sequence[float], types: Sequence[str]) -> None:
        """Show these pieces, whose ids are their places."""
        self._pieces, self._scores, self._types = pieces, scores, types
        self._folded = [fold(piece) for piece in pieces]
        self._cursor = self._here = 0

    def narrow(self, words: str) -> None:
        """Show pieces that have these words, and the one whose id they are."""
        wanted, pieces = fold(words).replace(" ", SPACE), self._folded
        self._ids = [
            index
            for index, piece in enumerate(pieces)
            if wanted in piece or wanted == str(index)
        ] if wanted else range(len(pieces))  # fmt: skip
        self.EMPTY = NOT_FOUND if wanted else NO_PIECES
        self.invalidate()
        self.go_to_id(self._here)

    def go_to_id(self, index: int) -> None:
        """The cursor to a piece; to the first if it is not shown."""
        if self._ids:
            self._go_to(self._ids.index(index) if index in self._ids else 0)

    def row_count(self) -> int:
        """One row a piece."""
        return len(self._ids)

    def columns(self) -> Sequence[Column]:
        """Narrow panes keep id and piece."""
        digits = max(len(f"{self.total - 1}"), 3)
        return [
            Column("id", "id", digits),
            Column("piece", "piece", 8, most=40, gap=2, left=True),
            Column("score", "score", 9, rank=2, gap=2),
            Column("type", "type", 8, rank=1, gap=2, left=True),
        ]

    def cells(self, row: int, layout: Layout) -> Cells:
        """One piece."""
        index = self._ids[row]
        kind = self._types[index]
        return {
            "id": (str(index), "none"),
            "piece": (printable(self._pieces[index]).replace("\n", "\\n"), ""),
            "score": (f"{self._scores[index] + 0.0:.4g}" if kind == "normal" else "", ""),
            "type": (kind, "none" if kind == "normal" else "curve"),
        }

    def cursor(self) -> int:
        """The row of the cursor."""
        return self._cursor

    def put_cursor(self, row: int) -> None:
        """Go to a row."""
        before, self._cursor = self._cursor, row
        self._here = self._ids[row]
        self.invalidate_rows([before, row])
