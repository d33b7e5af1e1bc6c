"""PlaygroundTabs: answers, tokens and the effect of each turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from textual.containers import Container, Vertical
from textual.widget import Widget

from trm_tui.widgets.conversation.answer_pane import AnswerPane
from trm_tui.widgets.conversation.occlusion_rows import OcclusionRows
from trm_tui.widgets.conversation.tokens_pane import TokensPane
from trm_tui.widgets.conversation.tool_words import ToolWordsView
from trm_tui.widgets.lazy_tabs import LazyTabs


class PlaygroundTabs(LazyTabs):
    """The tabs of the playground, for one or two models.

    ``show_known`` fills a newly opened tab with the current results.
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
            panes = (AnswerPane(each, classes="panel") for each in self._titles)
            return Container(*panes, id="answers")
        if tab == "tokens":
            return TokensPane(classes="panel")
        return Vertical(ToolWordsView(), OcclusionRows(classes="panel"))

    def filled(self, tab: str) -> None:
        """Fill the new tab."""
        self._show_known()

    async def set_models(self, titles: Sequence[str]) -> None:
        """Show one answer pane per title."""
        self._titles = titles
        panes: Any = self.query_one("#answers")
        await panes.remove_children()
        await panes.mount(*(AnswerPane(each, classes="panel") for each in titles))
        self._show_known()
