"""LazyTabs: tabs that are filled when they are first opened."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.widget import Widget
from textual.widgets import Input, TabbedContent, TabPane


class _Tabs(TabbedContent):
    """Tabs that change only when they are asked to.

    Textual's also go where a widget took the focus; told of it late, they would leave again a tab
    that was opened meanwhile.
    """

    @on(TabPane.Focused)
    def _stay(self, event: TabPane.Focused) -> None:
        event.stop()
        event.prevent_default()


class LazyTabs(Widget):
    """Numbered tabs; a subclass makes what is in them.

    The keys go to the first pane of a tab that is opened, at the start only if ``TAKES_FOCUS``.
    """

    DEFAULT_CSS = "LazyTabs { height: 1fr; }"
    TABS: ClassVar[tuple[str, ...]] = ()
    TAKES_FOCUS: ClassVar[bool] = True
    SHORT: ClassVar[dict[str, str]] = {}
    """What is written on tabs whose names are too long for a narrow terminal."""

    def __init__(self, first: str = "") -> None:
        super().__init__()
        names = [_id(name) for name in self.TABS]
        self._first = first if first in names else names[0]
        self._takes_focus = self.TAKES_FOCUS

    def content(self, tab: str) -> Widget:
        """What a tab holds."""
        raise NotImplementedError

    def filled(self, tab: str) -> None:
        """Called when a tab got its content: it knows nothing yet."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        """All tabs, the first one filled."""
        with _Tabs(initial=self._first):
            for number, name in enumerate(self.TABS, 1):
                with TabPane(f"{number} {self.SHORT.get(name, name)}", id=_id(name)):
                    if _id(name) == self._first:
                        yield self.content(self._first)

    async def open(self, number: int) -> None:
        """Open a tab, counted from 1; at the end it is filled and has the keys."""
        if number <= len(self.TABS):
            tabs, name = self.query_one(TabbedContent), _id(self.TABS[number - 1])
            await self._fill(tabs.get_pane(name))
            tabs.active = name
            self._give_keys(tabs.get_pane(name))

    @property
    def active(self) -> str:
        """The tab that is open."""
        return self.query_one(TabbedContent).active

    @on(TabbedContent.TabActivated)
    async def _enter(self, event: TabbedContent.TabActivated) -> None:
        await self._fill(event.pane)
        if self._takes_focus:
            self._give_keys(event.pane)
        self._takes_focus = True

    async def _fill(self, pane: TabPane) -> None:
        if not pane.children:
            await pane.mount(self.content(str(pane.id)))
            self.filled(str(pane.id))

    def _give_keys(self, pane: TabPane) -> None:
        """At once, while ``focus`` would wait for its turn: the next key may be there already."""
        panes = (each for each in pane.query("*") if each.focusable)
        first = next((each for each in panes if not isinstance(each, Input)), None)
        if first and self.active == pane.id and not pane.has_focus_within:
            self.screen.set_focus(first)


def _id(name: str) -> str:
    return name.lower()
