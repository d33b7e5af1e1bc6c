"""SamplesDialog: samples of a data file, and the conversation of the selected one."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from trm_engine.printable import one_line
from trm_engine.wording import counted
from trm_tui.keys import CELL, KEYS
from trm_tui.widgets.conversation.sample_reader import Load, SampleReader


class SamplesDialog(ModalScreen[None]):
    """Lists the samples on ``lines`` of a data file, out of ``count`` samples."""

    DEFAULT_CSS = """
    SamplesDialog {
        align: center middle;
        & > Vertical {
            width: 100%; max-width: 150; height: 100%; max-height: 46; margin: 1 2;
            border: round $accent; border-subtitle-color: $faint;
            background: $background;
        }
        & #title { padding: 0 1; max-height: 2; text-style: bold; }
    }
    """
    BINDINGS = [Binding("escape,q", "close", "Close", show=False)]

    def __init__(self, title: str, lines: Sequence[int], count: int, load: Load) -> None:
        super().__init__()
        self._heading = f"{one_line(title)}: {counted_shown(count, len(lines))}"
        self._lines = lines
        self._reader = SampleReader(load)

    def compose(self) -> ComposeResult:
        with Vertical() as dialog:
            keys = (f"{key.shown} {key.label.lower()}" for key in KEYS[CELL] if key.label)
            dialog.border_subtitle = " · ".join((*keys, "esc close"))
            yield Static(self._heading, id="title", markup=False)
            yield self._reader

    def on_mount(self) -> None:
        self._reader.show(self._lines)
        self._reader.action_back()

    def on_click(self, event: events.Click) -> None:
        """A click beside the dialog closes it."""
        if event.widget is self:
            self.action_close()

    def action_close(self) -> None:
        """Close the dialog."""
        self.dismiss()


def counted_shown(count: int, shown: int) -> str:
    """``12 samples, 3 shown``."""
    samples = counted(count, "sample")
    return samples if shown >= count else f"{samples}, {shown:,} shown"
