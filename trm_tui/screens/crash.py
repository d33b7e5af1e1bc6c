"""CrashDialog: the worker ended with an error."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from textual.widget import Widget
from textual.widgets import Static

from trm_engine.printable import one_line
from trm_tui.keys import ROWS, bindings
from trm_tui.screens.dialogs import Choice, Dialog
from trm_tui.text.wrapped import lines_of
from trm_tui.widgets.table.scrolling import Scroller, ScrollKeys


class CrashDialog(Dialog[None], ScrollKeys):
    """Shows the error, its traceback, the path of the log, and the command that goes on."""

    DEFAULT_CSS = """
    CrashDialog {
        & > #dialog { width: 100%; max-width: 120; }
        &.-long > #dialog { height: 100%; max-height: 40; }
        & .message { color: $error; text-style: bold; max-height: 4; }
        & Scroller { height: 1fr; margin-top: 1; }
        & .places, & .resume { margin-top: 1; }
        & .resume { text-style: bold; }
    }
    """
    BINDINGS = bindings(ROWS)
    HINT = "↑ ↓ scroll · enter or esc closes"

    def __init__(
        self, message: str, traceback_text: str, log_path: Path, run_path: Path, resume: str = ""
    ) -> None:
        super().__init__("The training failed", [Choice("Close", None)], None, danger=True)
        self._message = message
        self._traceback = traceback_text
        self.set_class(bool(traceback_text.strip()), "-long")
        self._places = f"run  {one_line(str(run_path))}\nlog  {one_line(str(log_path))}"
        self._resume = resume

    def body(self) -> Iterable[Widget]:
        """Message, traceback and paths."""
        yield Static("\n".join(lines_of(self._message)), classes="message", markup=False)
        if self._resume:
            yield Static(one_line(self._resume), classes="resume", markup=False)
        if self._traceback.strip():
            with Scroller() as scroller:
                scroller.can_focus = False
                yield Static("\n".join(lines_of(self._traceback.rstrip())), markup=False)
        yield Static(self._places, classes="places", markup=False)
        yield Static("You can still look at charts, log and results.", classes="note", markup=False)

    def on_mount(self) -> None:
        """Scroll to the end, where a traceback names the error."""
        if self._traceback.strip():
            self.call_after_refresh(self.action_last)
