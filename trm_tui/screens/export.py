"""ExportDialog: where the data of a chart are written to, and in which form."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from textual import on
from textual.widget import Widget
from textual.widgets import Input, Static

from trm_engine.printable import one_line
from trm_tui.screens.dialogs import Choice, Dialog

Forms = Mapping[str, str]
"""What a file's ending means."""

TABLES = {
    ".csv": "CSV: a line of names, then one line a row",
    ".json": "JSON: one object, a list for each name",
}
ALL_VALUES = "All values, not only those on the screen."
SAMPLES = {".jsonl": "JSON lines: one sample a line, as train, eval and predict read them"}


class ExportDialog(Dialog[Path | None]):
    """Asks for a path that can be written; one that exists must be confirmed by a second enter."""

    DEFAULT_CSS = """
    ExportDialog {
        & > #dialog { width: 100%; max-width: 90; }
        & Input, & Input:focus { margin: 1 0; background: $panel; }
        & #problem { color: $warning; }
    }
    """
    HINT = "enter writes · tab to the choices · esc cancels"

    def __init__(
        self, title: str, suggested_path: Path, forms: Forms = TABLES, note: str = ALL_VALUES
    ) -> None:
        choices: list[Choice[Path | None]] = [Choice("Write", None), Choice("Cancel", None)]
        super().__init__(f"Write the data of “{title}”", choices, None)
        self._suggested = str(suggested_path)
        self._forms = forms
        self._note = note
        self._confirmed: Path | None = None

    def body(self) -> Iterable[Widget]:
        """The path and what is to be said about it."""
        yield Static(f"{self._note} File:", markup=False)
        yield Input(self._suggested, select_on_focus=False, compact=True)
        yield Static(id="problem", markup=False)
        yield Static(id="form", classes="note", markup=False)

    def preferred(self) -> Widget:
        """The input."""
        return self.query_one(Input)

    def choose(self, position: int) -> None:
        """Write or cancel."""
        if position == 0:
            self._write()
        else:
            self.action_cancel()

    @on(Input.Submitted)
    def _write(self) -> None:
        path = self._path()
        problem = problem_of(path, self._forms)
        if problem is None and path.exists() and path != self._confirmed:
            self._confirmed = path
            problem = f"{path.name} exists; enter again writes over it."
        if problem:
            self._say(problem)
        else:
            self.dismiss(path)

    @on(Input.Changed)
    def _look(self) -> None:
        self._confirmed = None
        self._say(problem_of(self._path(), self._forms) or "")

    def _say(self, problem: str) -> None:
        self.query_one("#problem", Static).update(one_line(problem))
        form = self._forms.get(self._path().suffix.lower(), "")
        self.query_one("#form", Static).update(form)

    def _path(self) -> Path:
        return Path(os.path.expanduser(self.query_one(Input).value.strip()))


def problem_of(path: Path, forms: Forms) -> str | None:
    """Why data cannot be written there; None if nothing speaks against it."""
    if path.suffix.lower() not in forms:
        return f"The name must end in {' or '.join(forms)}."
    try:
        if not path.parent.is_dir():
            return f"There is no folder {path.parent}."
        if path.is_dir():
            return f"{path.name} is a folder."
    except OSError as error:
        return f"{error.strerror}."
    return None
