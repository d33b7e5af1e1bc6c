"""SearchBar: one row at the bottom of a pane, hidden until a search starts."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static


class SearchBar(Horizontal):
    """An input for the search."""

    DEFAULT_CSS = """
    SearchBar { height: 1; display: none; }
    SearchBar.-open { display: block; }
    SearchBar > Static { width: 2; color: $accent; text-style: bold; }
    SearchBar > Input, SearchBar > Input:focus { width: 1fr; background: transparent; }
    """

    class Changed(Message):
        """The words to search for changed; "" when the bar is closed."""

        def __init__(self, words: str) -> None:
            super().__init__()
            self.words = words

    class Submitted(Message):
        """Enter was pressed."""

    def __init__(self, placeholder: str) -> None:
        super().__init__()
        self._placeholder = placeholder

    def compose(self) -> ComposeResult:
        yield Static("/")
        yield Input(placeholder=self._placeholder, compact=True)

    @property
    def is_open(self) -> bool:
        """Whether the bar is visible."""
        return self.has_class("-open")

    @property
    def words(self) -> str:
        """The words to search for."""
        return self.query_one(Input).value

    def open(self) -> None:
        """Show and focus the bar."""
        self.add_class("-open")
        self.query_one(Input).focus()

    def close(self) -> None:
        """Hide and clear the bar."""
        self.query_one(Input).value = ""
        self.remove_class("-open")

    @on(Input.Changed)
    def _change(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Changed(event.value))

    @on(Input.Submitted)
    def _submit(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Submitted())
