"""TokensPane: the tokens that the model reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from textual.app import ComposeResult
from textual.content import Content
from textual.widget import Widget

from trm_engine.runs.schema.answers import Tokenization
from trm_engine.wording import counted
from trm_tui.widgets.conversation.tokenised import Tokenised


class TokensPane(Widget):
    """Shows tokens coloured by role. The border shows how many were truncated."""

    ALLOW_MAXIMIZE = True
    BORDER_TITLE = "Tokens"
    DEFAULT_CSS = """
    TokensPane { height: 1fr; }
    TokensPane Tokenised { height: 1fr; }
    TokensPane.-truncated { border-subtitle-color: $warning; }
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._tokens = Tokenised(by_role=True)

    def compose(self) -> ComposeResult:
        yield self._tokens

    def show(self, tokenization: Tokenization, texts: Sequence[str]) -> None:
        """Show the tokens of a conversation, given the texts of its turns."""
        self._tokens.show(tokenization, texts)
        dropped, most = tokenization.dropped_tokens, tokenization.max_length
        self.set_class(bool(dropped), "-truncated")
        words = f"{counted(dropped, 'older token')} truncated: the model reads {most:,}"
        self.border_subtitle = Content(words if dropped else f"of at most {most:,}")
