"""PickSampleDialog: find a sample in a JSONL file by its texts, decision or tool."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.cells import cell_len
from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static
from textual.worker import get_current_worker

from trm_engine.data.sample_reader import iter_lines
from trm_engine.errors import DataError, UserError
from trm_engine.printable import one_line, printable
from trm_engine.wording import counted
from trm_tui.keys import KEYS, PICKER, bindings
from trm_tui.sessions.sample_file import SampleFile
from trm_tui.widgets.conversation.sample import last_user_text
from trm_tui.widgets.table.columns import Cells, Column, Layout
from trm_tui.widgets.table.rows import CursorRows

UPDATE_LINES = 500
"""Number of lines between two updates of the list while a file is read."""

SEARCHED = 20_000
"""Number of characters of a sample that a search covers."""


@dataclass(frozen=True)
class Listed:
    """A sample in the list. ``words`` is the text for searches."""

    line: int
    decision: str
    tool: str
    text: str
    words: str


class SampleRows(CursorRows):
    """One row per sample."""

    EMPTY = "No sample"

    def __init__(self) -> None:
        super().__init__()
        self._all: list[Listed] = []
        self._shown: list[Listed] = []
        self._searched: list[str] = []

    @property
    def selected(self) -> Listed | None:
        """The sample under the cursor."""
        return self._shown[self._cursor] if self._shown else None

    def show(self, listed: list[Listed]) -> None:
        """Show those of these samples that match the search."""
        self._all = listed
        self.narrow(" ".join(self._searched))

    def narrow(self, words: str) -> None:
        """Show only samples that contain all of these words."""
        self._searched = words.casefold().split()
        searched = self._searched
        self._shown = [each for each in self._all if all(word in each.words for word in searched)]
        self._cursor = min(self._cursor, max(len(self._shown) - 1, 0))
        self.invalidate()
        self.show_cursor()

    def row_count(self) -> int:
        """The number of samples shown."""
        return len(self._shown)

    def columns(self) -> Sequence[Column]:
        """Line, decision, tool, last user turn."""
        line = len(str(self._all[-1].line)) if self._all else 1
        decision = max((cell_len(each.decision) for each in self._all), default=0)
        tool = max((cell_len(each.tool) for each in self._all), default=0)
        return [
            Column("line", "line", max(line, 4)),
            Column("decision", "decision", min(max(decision, 8), 13), rank=2, left=True),
            Column("tool", "tool", min(max(tool, 8), 20), rank=1, left=True),
            Column("text", "last user turn", 20, most=200, left=True),
        ]

    def cells(self, row: int, layout: Layout) -> Cells:
        """The cells of one sample."""
        sample = self._shown[row]
        return {
            "line": (str(sample.line), "none"),
            "decision": (sample.decision, ""),
            "tool": (sample.tool, ""),
            "text": (sample.text, ""),
        }


class PickSampleDialog(ModalScreen[dict[str, Any] | None]):
    """Lists the samples in a file while it is read. The result is the selected sample."""

    DEFAULT_CSS = """
    PickSampleDialog {
        align: center middle;
        & > Vertical {
            width: 100%; max-width: 140; height: 100%; max-height: 44; margin: 1 2; padding: 0 1;
            border: round $accent; border-title-style: bold; border-subtitle-color: $faint;
            background: $background;
        }
        & Input, & Input:focus { background: $panel; margin-bottom: 1; }
        & #status { color: $faint; }
        & SampleRows { height: 1fr; }
    }
    """
    BINDINGS = bindings(PICKER)

    def __init__(self, title: str, path: str | None, newest_first: bool = False) -> None:
        super().__init__()
        self._title = title
        self._path = path or ""
        self._newest_first = newest_first
        self._file: SampleFile | None = None

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = self._title
            shown = (f"{key.shown} {key.label.lower()}" for key in KEYS[PICKER] if key.label)
            box.border_subtitle = " · ".join(shown)
            yield Input(
                self._path,
                placeholder="a file of samples",
                compact=True,
                id="path",
            )
            yield Input(placeholder="search in text, decision, tool", compact=True, id="words")
            yield Static(id="status", markup=False)
            yield SampleRows()

    def on_mount(self) -> None:
        """Read the file, or ask for one."""
        self._rows = self.query_one(SampleRows)
        if self._path:
            self._rows.focus()
            self._read(self._path)
        else:
            self.action_path()

    # Keys

    def action_search(self) -> None:
        """Focus the search."""
        self.query_one("#words").focus()

    def action_path(self) -> None:
        """Focus the path."""
        self.query_one("#path").focus()

    def action_pick(self) -> None:
        """Close with the sample under the cursor."""
        selected = self._rows.selected
        if selected is None or self._file is None:
            return
        try:
            self.dismiss(self._file.load(selected.line))
        except (OSError, UserError) as error:
            self._say(printable(str(error)))

    def action_close(self) -> None:
        """Close without a sample."""
        self.dismiss(None)

    @on(Input.Changed, "#words")
    def _narrow(self, event: Input.Changed) -> None:
        self._rows.narrow(event.value)

    @on(Input.Submitted, "#words")
    def _leave_words(self) -> None:
        self._rows.focus()

    @on(Input.Submitted, "#path")
    def _open_path(self, event: Input.Submitted) -> None:
        self._rows.focus()
        self._read(os.path.expanduser(event.value.strip()))

    # Reading

    @work(thread=True, exclusive=True)
    def _read(self, path: str) -> None:
        worker = get_current_worker()
        self._file = SampleFile(path)
        listed: list[Listed] = []
        bad = 0
        try:
            for line in iter_lines(path):
                if worker.is_cancelled:
                    return
                sample = _listed(line.number, line.raw)
                listed += [sample] if sample else []
                bad += sample is None
                if line.number % UPDATE_LINES == 0:
                    self.app.call_from_thread(self._show, list(listed), f"{len(listed):,} so far")
        except DataError as error:
            self.app.call_from_thread(self._show, [], printable(str(error)))
            return
        if not worker.is_cancelled:
            words = f"{counted(len(listed), 'sample')} in {one_line(Path(path).name)}"
            words += f", {counted(bad, 'line')} without a conversation" if bad else ""
            self.app.call_from_thread(self._show, listed, words)

    def _show(self, listed: list[Listed], status: str) -> None:
        self._rows.show(listed[::-1] if self._newest_first else listed)
        self._say(status)

    def _say(self, status: str) -> None:
        self.query_one("#status", Static).update(status)


def _listed(number: int, raw: bytes) -> Listed | None:
    """The list entry for a line; None if the line is not a conversation."""
    try:
        sample = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    if not isinstance(sample, dict) or not isinstance(sample.get("history"), list):
        return None
    decision = str(sample.get("decision") or "")
    tool = sample.get("tool")
    name = one_line(str(tool.get("name") or "")) if isinstance(tool, dict) else ""
    turns = (turn for turn in sample["history"] if isinstance(turn, dict))
    texts = " ".join(str(turn.get("content")) for turn in turns)
    words = f"{decision} {name} {texts[:SEARCHED]}".casefold()
    return Listed(number, decision, name, last_user_text(sample), words)
