"""LazyTabs: tabs that create their content when they are first opened."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.widget import Widget
from textual.widgets import Input, TabbedContent, TabPane


class _Tabs(TabbedContent):
    """Tabs that do not follow the focus.

    Textual's tabs open the tab of a widget that got the focus. Its message can come late, after
    the user has opened another tab.
    """

    @on(TabPane.Focused)
    def _stay(self, event: TabPane.Focused) -> None:
        event.stop()
        event.prevent_default()


class LazyTabs(Widget):
    """Numbered tabs. A subclass creates their content.

    Opening a tab focuses its first pane; the first tab does so only if ``TAKES_FOCUS``.
    """

    DEFAULT_CSS = "LazyTabs { height: 1fr; }"
    TABS: ClassVar[tuple[str, ...]] = ()
    TAKES_FOCUS: ClassVar[bool] = True
    SHORT: ClassVar[dict[str, str]] = {}
    """Short labels for tabs whose names are too long for a narrow terminal."""

    def __init__(self, first: str = "") -> None:
        super().__init__()
        names = [_id(name) for name in self.TABS]
        self._first = first if first in names else names[0]
        self._takes_focus = self.TAKES_FOCUS
        self.is_filled = False
        """Whether the first tab has its content, which keys are meant for."""

    def content(self, tab: str) -> Widget:
        """The content of a tab."""
        raise NotImplementedError

    def filled(self, tab: str) -> None:
        """Called after a tab was created, to fill it with data."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        """All tabs, still empty: the screen is painted before its first panes are made."""
        with _Tabs(initial=self._first):
            for number, name in enumerate(self.TABS, 1):
                yield TabPane(f"{number} {self.SHORT.get(name, name)}", id=_id(name))

    async def open(self, number: int) -> None:
        """Open a tab, from 1, create its content and focus it."""
        if number <= len(self.TABS):
            tabs, name = self.query_one(TabbedContent), _id(self.TABS[number - 1])
            await self._fill(tabs.get_pane(name))
            tabs.active = name
            self._focus_first(tabs.get_pane(name))

    @property
    def active(self) -> str:
        """The open tab."""
        return self.query_one(TabbedContent).active

    @on(TabbedContent.TabActivated)
    def _enter(self, event: TabbedContent.TabActivated) -> None:
        self.call_after_refresh(self._fill_and_focus, event.pane)

    async def _fill_and_focus(self, pane: TabPane) -> None:
        await self._fill(pane)
        if self._takes_focus and pane.is_attached:
            self._focus_first(pane)
        self._takes_focus = self.is_filled = True

    async def _fill(self, pane: TabPane) -> None:
        if pane.children or not pane.is_attached:  # the user may have left the screen already
            return
        await pane.mount(self.content(str(pane.id)))
        if pane.is_attached:
            self.filled(str(pane.id))

    def _focus_first(self, pane: TabPane) -> None:
        """Focus the first pane. ``focus()`` would be too late for a key that is already queued."""
        panes = (each for each in pane.query("*") if each.focusable)
        first = next((each for each in panes if not isinstance(each, Input)), None)
        if first and self.active == pane.id and not pane.has_focus_within:
            self.screen.set_focus(first)


def _id(name: str) -> str:
    return name.lower()
