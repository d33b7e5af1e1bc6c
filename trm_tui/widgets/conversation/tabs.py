"""PlaygroundTabs: what is known of the conversation's answer, in tabs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from textual.containers import Horizontal
from textual.widget import Widget

from trm_tui.widgets.conversation.answer_pane import AnswerPane
from trm_tui.widgets.conversation.occlusion_rows import OcclusionRows
from trm_tui.widgets.conversation.tokens_pane import TokensPane
from trm_tui.widgets.lazy_tabs import LazyTabs


class PlaygroundTabs(LazyTabs):
    """The answers of one or two models, the tokens, what each turn does.

    ``show_known`` shows in a tab that is opened what is known already.
    """

    TABS = ("Answer", "Tokens", "Why")
    TAKES_FOCUS = False

    def __init__(self, titles: Sequence[str], show_known: Callable[[], None]) -> None:
        super().__init__()
        self._titles = titles
        self._show_known = show_known

    def content(self, tab: str) -> Widget:
        """The panes of a tab."""
        if tab == "answer":
            return Horizontal(*(AnswerPane(each, classes="panel") for each in self._titles))
        return TokensPane(classes="panel") if tab == "tokens" else OcclusionRows(classes="panel")

    def filled(self, tab: str) -> None:
        """Show what is known already."""
        self._show_known()

    async def set_models(self, titles: Sequence[str]) -> None:
        """One pane for each of these models."""
        self._titles = titles
        panes: Any = self.query_one("#answer Horizontal", Horizontal)
        await panes.remove_children()
        await panes.mount(*(AnswerPane(each, classes="panel") for each in titles))
        self._show_known()
