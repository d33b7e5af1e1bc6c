"""TokensPane: what the model reads of the conversation, token by token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textual.app import ComposeResult
from textual.content import Content
from textual.widget import Widget

from trm_tui.widgets.conversation.tokenised import Tokenised


class TokensPane(Widget):
    """Tokens in the colours of their roles; the border says what was cut off."""

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

    def show(self, answer: Mapping[str, Any], texts: Sequence[str]) -> None:
        """Show the tokens of an answer to ``predict``; ``texts`` are those of its turns."""
        self._tokens.show(answer, texts)
        dropped, most = answer["dropped_tokens"], answer["max_length"]
        self.set_class(bool(dropped), "-truncated")
        words = f"{dropped:,} older tokens are not seen: the model reads {most:,}"
        self.border_subtitle = Content(words if dropped else f"of {most:,} at most")
