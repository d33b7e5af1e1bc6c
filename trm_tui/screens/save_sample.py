"""SaveSampleDialog: append a conversation and its correct answer to a JSONL file."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from textual.widget import Widget
from textual.widgets import Input, Static, TextArea

from trm_engine.data.samples import explain, parse_sample
from trm_engine.files import strict_json
from trm_engine.files.jsonl import append, to_json
from trm_tui.screens.dialogs import Choice, TextDialog
from trm_tui.screens.export import SAMPLES, problem_of
from trm_tui.store.draft import ANSWER_KEYS

SUGGESTED = "playground.jsonl"


class SaveSampleDialog(TextDialog[bool]):
    """Asks for the file and lets the user correct the answer. It never overwrites a file.

    The result is whether the sample was saved.
    """

    DEFAULT_CSS = """
    SaveSampleDialog {
        & Input, & Input:focus { margin: 0 0 1 0; }
        & TextArea { height: 1fr; min-height: 4; max-height: 14; background: $panel; border: none; }
    }
    """
    HINT = "enter saves · tab moves to the answer · esc cancels"

    def __init__(self, sample: dict[str, Any], source: str) -> None:
        choices = [Choice("Save", True), Choice("Cancel", False)]
        super().__init__("Save the conversation as a sample", choices, False)
        self._sample = sample
        self._source = source

    def body(self) -> Iterable[Widget]:
        """The file, the answer and their problem."""
        answer = {name: self._sample[name] for name in ANSWER_KEYS if name in self._sample}
        yield Static("Append it to the file:", markup=False)
        yield Input(str(Path.cwd() / SUGGESTED), select_on_focus=False, compact=True)
        yield Static(f"The correct answer ({self._source}). Edit it if it is wrong:", markup=False)
        text = to_json(answer, indent=1)
        yield TextArea(text, compact=True, soft_wrap=True)
        yield Static(id="problem", markup=False)

    def submit(self) -> None:
        """Append the sample to the file, and close."""
        path = Path(os.path.expanduser(self.text.strip()))
        try:
            line = self._line()
        except ValueError as error:
            self.say(f"The answer: {explain(error)[0]}")
            return
        problem = problem_of(path, SAMPLES)
        if problem:
            self.say(problem)
            return
        try:
            append(path, line)
        except OSError as error:
            self.say(f"{path}: {error.strerror}")
            return
        self.notify(f"Added to {path}")
        self.dismiss(True)

    def _line(self) -> bytes:
        """The sample as a JSON line. Raises ValueError if it is invalid."""
        answer = strict_json.parse(self.query_one(TextArea).text)
        if not isinstance(answer, dict):
            raise ValueError("expected a JSON object")
        line = to_json({**self._sample, **answer}).encode()
        parse_sample(line)
        return line + b"\n"
