"""ExportDialog: choose the file, and so the format, for exported data."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from textual import on
from textual.widget import Widget
from textual.widgets import Input, Static

from trm_tui.screens.dialogs import Choice, TextDialog

Formats = Mapping[str, str]
"""Description of the format for each file suffix."""

TABLES = {
    ".csv": "CSV: a header line, then one line per row",
    ".json": "JSON: one object with a list per column",
}
ALL_VALUES = "Exports all values, not only those on the screen."
SAMPLES = {".jsonl": "JSON Lines: one sample a line, as train, eval and predict read it"}


class ExportDialog(TextDialog[Path | None]):
    """Asks for a path. Press enter twice to overwrite a file."""

    HINT = "enter writes · tab to the choices · esc cancels"

    def __init__(
        self,
        title: str,
        suggested_path: Path,
        formats: Formats = TABLES,
        note: str = ALL_VALUES,
        beside: str = "",
    ) -> None:
        """``beside``: the suffix of a second file that is written with the first."""
        choices: list[Choice[Path | None]] = [Choice("Write", None), Choice("Cancel", None)]
        super().__init__(f"Write the data of “{title}”", choices, None)
        self._suggested = str(suggested_path)
        self._formats = formats
        self._note = note
        self._beside = beside
        self._confirmed: Path | None = None

    def body(self) -> Iterable[Widget]:
        """The path, its problem and its format."""
        yield Static(f"{self._note} File:", markup=False)
        yield Input(self._suggested, select_on_focus=False, compact=True)
        yield Static(id="problem", markup=False)
        yield Static(id="format", classes="note", markup=False)

    def submit(self) -> None:
        """Close with the path if it can be written."""
        path = self._path()
        problem = problem_of(path, self._formats)
        written = [path, path.with_suffix(self._beside)] if self._beside and not problem else [path]
        present = [each.name for each in written if not problem and each.exists()]
        if present and path != self._confirmed:
            self._confirmed = path
            problem = f"{present[0]} exists. Press enter again to overwrite it."
        if problem:
            self.say(problem)
        else:
            self.dismiss(path)

    @on(Input.Changed)
    def _check(self) -> None:
        self._confirmed = None
        self.say(problem_of(self._path(), self._formats) or "")

    def say(self, problem: str) -> None:
        """Also show the format."""
        super().say(problem)
        description = self._formats.get(self._path().suffix.lower(), "")
        self.query_one("#format", Static).update(description)

    def _path(self) -> Path:
        return Path(os.path.expanduser(self.text.strip()))


def problem_of(path: Path, formats: Formats) -> str | None:
    """Why the file cannot be written; None if it can."""
    if path.suffix.lower() not in formats:
        return f"The name must end in {' or '.join(formats)}."
    try:
        if not path.parent.is_dir():
            return f"There is no folder {path.parent}."
        if path.is_dir():
            return f"{path.name} is a folder."
    except OSError as error:
        return f"{error.strerror}."
    return None
