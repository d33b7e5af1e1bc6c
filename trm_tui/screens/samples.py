"""SamplesDialog: samples of a data file, and the conversation of the selected one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rich.text import Text
from textual import events, on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option
from textual.worker import get_current_worker

from trm_engine.errors import UserError
from trm_engine.printable import one_line
from trm_engine.wording import counted
from trm_tui.keys import CELL, KEYS, bindings
from trm_tui.widgets.conversation.sample import ConversationView, last_user_text

Load = Callable[[int], dict[str, Any] | None]
"""Reads the sample on a line; None if there is none. Raises OSError or UserError."""

BATCH = 25
NO_LINES = "The evaluation did not record which samples these are."

UNREADABLE = "✗ cannot be read"


class SamplesDialog(ModalScreen[None]):
    """Lists the samples on ``lines`` of a data file, out of ``count`` samples.

    ``load`` is called in a thread: once for each line, and again for the selected one.
    """

    DEFAULT_CSS = """
    SamplesDialog {
        align: center middle;
        & > Vertical {
            width: 100%; max-width: 150; height: 100%; max-height: 46; margin: 1 2;
            border: round $accent; border-subtitle-color: $faint;
            background: $background;
        }
        & #title { padding: 0 1; max-height: 2; text-style: bold; }
        & OptionList, & OptionList:focus {
            width: 32%; min-width: 18; height: 1fr; max-height: 100%; padding: 0 1;
            border: none; border-right: vkey $faint; background: $background;
            background-tint: $background 0%;
            text-wrap: nowrap; text-overflow: ellipsis; scrollbar-size-vertical: 1;
        }
        & ConversationView { width: 1fr; height: 1fr; padding: 0 1; }
        & ConversationView:focus { background: $surface; }
    }
    """
    BINDINGS = bindings(CELL)

    class Listed(Message):
        """The texts of list entries, from entry ``first``."""

        def __init__(self, first: int, texts: list[Text]) -> None:
            super().__init__()
            self.first = first
            self.texts = texts

    class Loaded(Message):
        """The sample of the ``index``-th line of the list, or why there is none."""

        def __init__(self, index: int, sample: dict[str, Any] | str) -> None:
            super().__init__()
            self.index = index
            self.sample = sample

    def __init__(self, title: str, lines: Sequence[int], count: int, load: Load) -> None:
        super().__init__()
        self._heading = f"{one_line(title)}: {_counted(count, len(lines))}"
        self._lines = list(lines)
        self._load = load
        self._digits = max((len(str(line)) for line in lines), default=1)

    def compose(self) -> ComposeResult:
        with Vertical() as dialog:
            dialog.border_subtitle = " · ".join(
                f"{key.shown} {key.label.lower()}" for key in KEYS[CELL] if key.label
            )
            yield Static(self._heading, id="title", markup=False)
            with Horizontal():
                yield OptionList(*(Option(self._prompt(line, "…")) for line in self._lines))
                yield ConversationView()

    def on_mount(self) -> None:
        self._list = self.query_one(OptionList)
        self._view = self.query_one(ConversationView)
        self._list.focus()
        if self._lines:
            self._list_all()
        else:
            self._view.show_message(NO_LINES)

    def on_click(self, event: events.Click) -> None:
        """A click beside the dialog closes it."""
        if event.widget is self:
            self.action_close()

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

    def action_close(self) -> None:
        """Close the dialog."""
        self.dismiss()

    # Samples

    @on(OptionList.OptionSelected)
    def _read_selected(self) -> None:
        self.action_read()

    @on(OptionList.OptionHighlighted)
    def _show_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        self._open(event.option_index)

    @on(Listed)
    def _show_texts(self, message: Listed) -> None:
        for index, text in enumerate(message.texts, message.first):
            self._list.replace_option_prompt_at_index(index, text)

    @on(Loaded)
    def _show_sample(self, message: Loaded) -> None:
        if message.index != self._list.highlighted:
            return
        if isinstance(message.sample, str):
            self._view.show_message(message.sample, is_problem=True)
        else:
            self._view.show(message.sample)

    @work(thread=True, exclusive=True, group="open")
    def _open(self, index: int) -> None:
        sample = self._sample(self._lines[index])
        if not get_current_worker().is_cancelled:
            self.post_message(self.Loaded(index, sample))

    @work(thread=True, group="list")
    def _list_all(self) -> None:
        for first in range(0, len(self._lines), BATCH):
            if get_current_worker().is_cancelled:
                return
            batch = self._lines[first : first + BATCH]
            self.post_message(self.Listed(first, [self._listed(line) for line in batch]))

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


def _counted(count: int, shown: int) -> str:
    samples = counted(count, "sample")
    return samples if shown >= count else f"{samples}, {shown:,} shown"
