"""SampleReader: some samples of a data file, and the conversation of the selected one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import OptionList
from textual.widgets.option_list import Option
from textual.worker import get_current_worker

from trm_engine.errors import UserError
from trm_engine.printable import one_line
from trm_tui.keys import CELL, bindings
from trm_tui.widgets.conversation.sample import ConversationView, last_user_text

Load = Callable[[int], dict[str, Any] | None]
"""Reads the sample on a line; None if there is none. Raises OSError or UserError."""

BATCH = 25
NO_LINES = "The evaluation did not record which samples these are."
UNREADABLE = "✗ cannot be read"


class SampleReader(Widget):
    """A list, which a panel hides for a single sample, and a conversation.

    ``load`` is called in a thread: once for each line, and again for the selected one.
    """

    DEFAULT_CSS = """
    SampleReader {
        layout: horizontal; height: 1fr;
        & OptionList, & OptionList:focus {
            width: 32%; min-width: 18; height: 1fr; max-height: 100%; padding: 0 1;
            border: none; border-right: vkey $faint; background: $background;
            background-tint: $background 0%;
            text-wrap: nowrap; text-overflow: ellipsis; scrollbar-size-vertical: 1;
        }
        &.panel.-single OptionList { display: none; }
        & ConversationView { width: 1fr; height: 1fr; padding: 0 1; }
        & ConversationView:focus { background: $surface; }
    }
    """
    BINDINGS = bindings(CELL)

    class Listed(Message):
        """The texts of list entries, from entry ``first``, of the ``turn``-th list."""

        def __init__(self, turn: int, first: int, texts: list[Text]) -> None:
            super().__init__()
            self.turn = turn
            self.first = first
            self.texts = texts

    class Loaded(Message):
        """The sample on a line, or why there is none."""

        def __init__(self, line: int, sample: dict[str, Any] | str) -> None:
            super().__init__()
            self.line = line
            self.sample = sample

    def __init__(self, load: Load, **options: Any) -> None:
        super().__init__(**options)
        self._load = load
        self._lines: list[int] = []
        self._empty = NO_LINES
        self._turn = 0
        self._is_behind = False
        self._list = OptionList()
        self._view = ConversationView()

    def compose(self) -> ComposeResult:
        yield self._list
        yield self._view

    def show(self, lines: Sequence[int], title: str = "", empty: str = NO_LINES) -> None:
        """Show the samples on these lines, or ``empty``. It reads them once it is on the screen."""
        self.border_title = Content(one_line(title))
        self._lines, self._empty, self._is_behind = list(lines), empty, True
        if self.is_attached and self.size.height:
            self._fill()

    def on_show(self) -> None:
        """Read what was asked for meanwhile."""
        self._fill()

    # Keys

    def action_sample(self, rows: int) -> None:
        """Select another sample."""
        self._list.action_cursor_down() if rows > 0 else self._list.action_cursor_up()

    def action_read(self) -> None:
        """Go to the conversation."""
        self._view.focus()

    def action_back(self) -> None:
        """Go to the list."""
        self._list.focus()

    def action_tools(self) -> None:
        """Show the available tools with their parameters, or only their names."""
        self._view.toggle_tools()

    # Samples

    def _fill(self) -> None:
        if not self._is_behind:
            return
        self._is_behind = False
        self._turn += 1
        self._digits = max((len(str(line)) for line in self._lines), default=1)
        self.set_class(len(self._lines) < 2, "-single")
        self._list.clear_options()
        self._list.add_options(Option(self._prompt(line, "…")) for line in self._lines)
        if self._lines:
            self._list.highlighted = 0
            self._list_all(self._turn, list(self._lines))
        else:
            self._view.show_message(self._empty)

    @on(OptionList.OptionSelected)
    def _read_selected(self) -> None:
        self.action_read()

    @on(OptionList.OptionHighlighted)
    def _show_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        if event.option_index < len(self._lines):
            self._open(self._lines[event.option_index])

    @on(Listed)
    def _show_texts(self, message: Listed) -> None:
        if message.turn == self._turn:
            for index, text in enumerate(message.texts, message.first):
                self._list.replace_option_prompt_at_index(index, text)

    @on(Loaded)
    def _show_sample(self, message: Loaded) -> None:
        at = self._list.highlighted
        if at is None or at >= len(self._lines) or message.line != self._lines[at]:
            return
        if isinstance(message.sample, str):
            self._view.show_message(message.sample, is_problem=True)
        else:
            self._view.show(message.sample)

    @work(thread=True, exclusive=True, group="open")
    def _open(self, line: int) -> None:
        sample = self._sample(line)
        if not get_current_worker().is_cancelled:
            self.post_message(self.Loaded(line, sample))

    @work(thread=True, exclusive=True, group="list")
    def _list_all(self, turn: int, lines: list[int]) -> None:
        for first in range(0, len(lines), BATCH):
            if get_current_worker().is_cancelled:
                return
            batch = [self._listed(line) for line in lines[first : first + BATCH]]
            self.post_message(self.Listed(turn, first, batch))

    def _sample(self, line: int) -> dict[str, Any] | str:
        """The sample on a line, or why it cannot be shown."""
        try:
            sample = self._load(line)
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            return f"The sample cannot be read: {where}{error.strerror or error}"
        except UserError as error:
            return str(error)
        return f"The file has no sample on line {line}." if sample is None else sample

    def _listed(self, line: int) -> Text:
        sample = self._sample(line)
        return self._prompt(line, UNREADABLE if isinstance(sample, str) else last_user_text(sample))

    def _prompt(self, line: int, text: str) -> Text:
        return Text(f"{line:>{self._digits}} {text}", no_wrap=True, overflow="ellipsis")
