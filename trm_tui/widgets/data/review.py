"""ReviewPane: suspected labels beside the sample of one of them, and the keys that decide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.message import Message

from trm_engine.label_errors.corrections import Action
from trm_engine.label_errors.suspect import Suspect
from trm_tui.keys import REVIEW, bindings
from trm_tui.widgets.data.sample import SamplePane
from trm_tui.widgets.data.suspects import SuspectList


class ReviewPane(Container):
    """Its keys work in the list and in the sample."""

    BINDINGS = bindings(REVIEW)

    @dataclass
    class Decided(Message):
        """Request to decide on a suspect."""

        suspect: Suspect
        action: Action

    @dataclass
    class EditRequested(Message):
        """Request to type the right label."""

        suspect: Suspect

    class WriteRequested(Message):
        """Request to write the corrected file."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.suspects = SuspectList(classes="panel")

    def compose(self) -> ComposeResult:
        yield Vertical(self.suspects, classes="data-masters")
        yield Vertical(SamplePane(classes="panel"), classes="data-samples")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """There is nothing to decide without a suspect."""
        return self.suspects.selected is not None if action in ("decide", "edit") else True

    def action_decide(self, action: Action) -> None:
        """Request a decision."""
        if self.suspects.selected:
            self.post_message(self.Decided(self.suspects.selected, action))

    def action_edit(self) -> None:
        """Request to type the label."""
        if self.suspects.selected:
            self.post_message(self.EditRequested(self.suspects.selected))

    def action_write(self) -> None:
        """Request to write."""
        self.post_message(self.WriteRequested())

    @on(SamplePane.Moved)
    def _move(self, event: SamplePane.Moved) -> None:
        event.stop()
        self.suspects.action_step(event.rows)
