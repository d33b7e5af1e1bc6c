"""KeyFooter: the keys that work now, in one line. A click presses a key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from rich.cells import cell_len
from rich.text import Text
from textual import events
from textual.binding import ActiveBinding
from textual.screen import Screen
from textual.widget import Widget

KEPT = ("help", "leave")
"""Actions that the footer always names."""


def _width(name: str, active: ActiveBinding) -> int:
    return cell_len(name) + 1 + cell_len(active.binding.description)


class _Shown(NamedTuple):
    """A key and its columns, from ``begin`` to ``end`` (exclusive)."""

    begin: int
    end: int
    name: str
    active: ActiveBinding


class KeyFooter(Widget):
    """A footer in one widget.

    Textual's footer has a widget per key and creates all of them whenever the focus moves. That
    lays out the whole screen, which takes longer than anything else that a key does.
    """

    ALLOW_SELECT = False
    COMPONENT_CLASSES = {"footer--key", "footer--label", "footer--disabled", "footer--hover"}
    DEFAULT_CSS = """
    KeyFooter {
        dock: bottom;
        height: 1;
        color: $footer-foreground;
        background: $footer-background;
        text-wrap: nowrap;
        & > .footer--key { color: $footer-key-foreground; text-style: bold; }
        & > .footer--label { color: $footer-description-foreground; }
        & > .footer--disabled { text-style: dim; }
        & > .footer--hover { background: $block-hover-background; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._shown: list[_Shown] = []
        self._pointed: str | None = None

    def on_mount(self) -> None:
        """Update when the active keys change."""
        self.screen.bindings_updated_signal.subscribe(self, self._change)

    def render(self) -> Text:
        """The keys that have a label, those of the focused pane first."""
        self._shown = list(self._places())
        looks = {
            name: self.get_component_rich_style(f"footer--{name}", partial=True)
            for name in ("key", "label", "disabled", "hover")
        }
        text = Text(no_wrap=True, end="")
        for number, each in enumerate(self._shown):
            text.append(" " if number else "")
            part = Text.assemble(
                (each.name, looks["key"]), " ", (each.active.binding.description, looks["label"])
            )
            if not each.active.enabled:
                part.stylize(looks["disabled"])
            if each.active.binding.action == self._pointed:
                part.stylize(looks["hover"])
            text.append_text(part)
        return text

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Press the key under the mouse."""
        if found := self._at(event):
            if found.enabled:
                self.app.simulate_key(found.binding.key)
            else:
                self.app.bell()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Show a tooltip for the key under the mouse."""
        found = self._at(event)
        self._point_at(found)
        self.tooltip = (found.tooltip or found.binding.description) if found else None

    def on_leave(self) -> None:
        """Remove the highlight."""
        self._point_at(None)

    def _change(self, screen: Screen[Any]) -> None:
        if self.is_attached and screen is self.screen and self.app.app_focus:
            self.refresh()

    def _places(self) -> Iterator[_Shown]:
        begin = 0
        for name, active in self._fitting():
            end = begin + _width(name, active)
            yield _Shown(begin, end, name, active)
            begin = end + 1

    def _fitting(self) -> list[tuple[str, ActiveBinding]]:
        """The keys to show, each action once. Where all do not fit, the last ones are left out."""
        bound = [each for each in self.screen.active_bindings.values() if each.binding.show]
        by_action = {each.binding.action: each for each in reversed(bound)}
        first = [each for each in bound if by_action[each.binding.action] is each]
        found = [(self.app.get_key_display(each.binding), each) for each in first]
        for each in found[::-1]:
            if sum(_width(*other) + 1 for other in found) - 1 <= self.size.width:
                break
            if each[1].binding.action not in KEPT:
                found.remove(each)
        return found

    def _at(self, event: events.MouseEvent) -> ActiveBinding | None:
        return next((each.active for each in self._shown if each.begin <= event.x < each.end), None)

    def _point_at(self, active: ActiveBinding | None) -> None:
        pointed = active.binding.action if active else None
        if pointed != self._pointed:
            self._pointed = pointed
            self.refresh()
