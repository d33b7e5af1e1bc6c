"""VocabularyView: the pieces of a tokenizer, and the tokens of a typed text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from trm_engine.printable import printable
from trm_engine.runs.schema.answers import Tokenization
from trm_engine.runs.schema.model_file import Vocabulary
from trm_tui.keys import VOCABULARY, bindings
from trm_tui.widgets.conversation.tokenised import Tokenised
from trm_tui.widgets.log.buffer import fold
from trm_tui.widgets.table.columns import Cells, Column, Layout
from trm_tui.widgets.table.rows import CursorRows
from trm_tui.widgets.table.search_pane import SearchRows

SPACE = "▁"
"""How SentencePiece writes a space."""

NO_PIECES, NOT_FOUND = "No tokenizer known", "No piece contains these words"


class VocabularyView(SearchRows):
    """A text input with its tokens, above the pieces with ids and scores."""

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
    BINDINGS = bindings(VOCABULARY)

    @dataclass
    class TokensRequested(Message):
        """Request for the tokens of a text, posted at every change of the text."""

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

    def show(self, vocabulary: Vocabulary) -> None:
        """Show the pieces of a tokenizer."""
        self._kind = vocabulary.kind
        self._pieces.show(vocabulary.pieces, vocabulary.scores, vocabulary.types)
        self.narrow(self.words)

    def show_tokens(self, tokenization: Tokenization, text: str | None = None) -> None:
        """Show the tokens of ``text``."""
        if not self._input.value:  # cleared before the answer arrived
            return
        self._tokens.show(tokenization, [self._input.value if text is None else text])
        self._tokens.add_class("-known")

    def narrow(self, words: str) -> None:
        """Show only pieces that contain these words. A space matches ▁."""
        self._pieces.narrow(words)
        shown, count = self._pieces.row_count(), self._pieces.total
        of_all = f" of {count:,}" if shown < count else ""
        self.border_subtitle = Content(
            " · ".join([f"{shown:,}{of_all} pieces", self._kind]) if count else ""
        )

    def action_type(self) -> None:
        """Focus the text input."""
        self._input.focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Escape leaves the search, the text input or the tokens."""
        if action == "close_search":
            return self.search.is_open or not self._pieces.has_focus
        return super().check_action(action, parameters)

    @on(Input.Changed)
    def _ask(self, event: Input.Changed) -> None:
        event.stop()
        if event.input is self._input:
            if not event.value:
                self._tokens.remove_class("-known")
            self.post_message(self.TokensRequested(event.value))

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
        """The number of all pieces."""
        return len(self._pieces)

    def show(self, pieces: Sequence[str], scores: Sequence[float], types: Sequence[str]) -> None:
        """Set the pieces. Their ids are their indices."""
        self._pieces, self._scores, self._types = pieces, scores, types
        self._folded = [fold(piece) for piece in pieces]
        self._cursor = self._here = 0

    def narrow(self, words: str) -> None:
        """Show the pieces that contain these words or have this id."""
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
        """Move the cursor to a piece, or to the first one if it is not shown."""
        if self._ids:
            self._go_to(self._ids.index(index) if index in self._ids else 0)

    def row_count(self) -> int:
        """One row for each piece."""
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

    def put_cursor(self, row: int) -> None:
        """Go to a row."""
        super().put_cursor(row)
        self._here = self._ids[row]
