"""Dialog: a box over the screen that asks one question. Each answer has a key."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Container, Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input, Static

from trm_engine.printable import one_line

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Choice(Generic[Answer]):
    """One answer: its label and its result. Its key is a letter of the label."""

    label: str
    answer: Answer
    danger: bool = False


class ChoiceButton(Static, can_focus=True):
    """A choice. Enter, a click or its letter selects it."""

    DEFAULT_CSS = """
    ChoiceButton {
        width: auto; height: 1; padding: 0 1; background: $panel;
        &.-danger { color: $error; }
        &:hover { text-style: bold; }
        &:focus {
            color: $block-cursor-foreground; background: $block-cursor-background;
            text-style: $block-cursor-text-style;
        }
    }
    """
    BINDINGS = [Binding("enter,space", "choose", "Choose", show=False)]

    class Chosen(Message):
        """The choice at this position was selected."""

        def __init__(self, position: int) -> None:
            super().__init__()
            self.position = position

    def __init__(self, position: int, label: str, letter: str, danger: bool) -> None:
        super().__init__(_underlined(label, letter), classes="-danger" if danger else "")
        self._position = position

    def action_choose(self) -> None:
        """Select this choice."""
        self.post_message(self.Chosen(self._position))

    def on_click(self) -> None:
        """A click selects it too."""
        self.action_choose()


class Dialog(ModalScreen[Answer]):
    """A titled box with ``body()`` and choices below it.

    The screen's result is the answer of the selected choice, or ``cancelled``.
    """

    DEFAULT_CSS = """
    Dialog {
        align: center middle;
        & > #dialog {
            width: 68; max-width: 100%; height: auto; max-height: 100%;
            padding: 1 2 0 2; background: $surface;
            border: round $accent; border-title-style: bold; border-subtitle-color: $faint;
        }
        & > #dialog.-danger { border: round $error; }
        & #choices { height: auto; margin: 1 0; layout: horizontal; }
        & #choices > ChoiceButton { margin-right: 2; }
        &.-stacked #choices { layout: vertical; }
        &.-stacked #choices > ChoiceButton { width: 100%; }
        & .note { color: $faint; }
    }
    """
    BINDINGS = [
        Binding("escape", "cancel", "Cancel", show=False),
        Binding("left,up", "app.focus_previous", "Previous", show=False),
        Binding("right,down", "app.focus_next", "Next", show=False),
    ]
    HINT = "enter chooses · esc cancels"

    def __init__(
        self,
        title: str,
        choices: Sequence[Choice[Answer]],
        cancelled: Answer,
        preferred: int = 0,
        danger: bool = False,
    ) -> None:
        super().__init__()
        self._title = title
        self._choices = choices
        self._cancelled = cancelled
        self._preferred = preferred
        self._danger = danger
        self._letters = letters_of([choice.label for choice in choices])

    def body(self) -> Iterable[Widget]:
        """The widgets between the title and the choices."""
        return ()

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog", classes="-danger" if self._danger else "") as box:
            box.border_title = Content(one_line(self._title))
            box.border_subtitle = self.HINT
            yield from self.body()
            with Container(id="choices"):
                for position, choice in enumerate(self._choices):
                    letter = self._letters[position]
                    yield ChoiceButton(position, choice.label, letter, choice.danger)

    def on_mount(self) -> None:
        """Focus the preferred widget."""
        self.preferred().focus()

    def preferred(self) -> Widget:
        """The widget that has the focus first."""
        return list(self.query(ChoiceButton))[self._preferred]

    def on_key(self, event: events.Key) -> None:
        """A letter selects its choice."""
        letter = (event.character or "").lower()
        if letter and letter in self._letters:
            event.stop()
            self.choose(self._letters.index(letter))

    def on_choice_button_chosen(self, event: ChoiceButton.Chosen) -> None:
        """Enter or a click selected a choice."""
        event.stop()
        self.choose(event.position)

    def choose(self, position: int) -> None:
        """Close with the answer of a choice."""
        self.dismiss(self._choices[position].answer)

    def action_cancel(self) -> None:
        """Close without an answer."""
        self.dismiss(self._cancelled)


class TextDialog(Dialog[Answer]):
    """A dialog with a text. Enter or the first choice submits it, the second one cancels.

    ``body()`` has an Input and, if the text can be wrong, a Static ``problem``.
    """

    DEFAULT_CSS = """
    TextDialog {
        & > #dialog { width: 100%; max-width: 90; }
        & Input, & Input:focus { margin: 1 0; background: $panel; }
        & #problem { color: $warning; }
    }
    """
    HINT = "enter saves · esc cancels"

    @property
    def text(self) -> str:
        """What is typed."""
        return self.query_one(Input).value

    def submit(self) -> None:
        """Use the text: close, or ``say`` what is wrong with it."""
        raise NotImplementedError

    def say(self, problem: str) -> None:
        """Show what is wrong; "" for nothing."""
        self.query_one("#problem", Static).update(one_line(problem))

    def preferred(self) -> Widget:
        """The input."""
        return self.query_one(Input)

    def choose(self, position: int) -> None:
        """Submit or cancel."""
        if position:
            self.action_cancel()
        else:
            self.submit()

    @on(Input.Submitted)
    def _submit_typed(self) -> None:
        self.submit()


def letters_of(labels: Sequence[str]) -> list[str]:
    """For each label its first letter that no earlier label uses; "" if there is none."""
    letters: list[str] = []
    for label in labels:
        own = (letter for letter in label.lower() if letter.isalnum())
        letters.append(next((letter for letter in own if letter not in letters), ""))
    return letters


def _underlined(label: str, letter: str) -> Text:
    text = Text(label)
    place = label.lower().find(letter) if letter else -1
    if place >= 0:
        text.stylize("bold underline", place, place + 1)
    return text
