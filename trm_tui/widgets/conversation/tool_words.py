"""ToolWordsView: which words of the likeliest tool spoke for it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import RenderableType
from rich.text import Text

from trm_engine.printable import one_line
from trm_engine.runs.schema.answers import ToolWord
from trm_tui.widgets.table.drawing import Drawing

CLEAR = 0.1
"""Changes of the log-odds from this on are coloured."""

MOST_NAMED = 3


class ToolWordsView(Drawing):
    """Shows the tool's text: words that speak for it coloured, the strongest ones with figures."""

    DEFAULT_CSS = """
    ToolWordsView {
        padding: 0 1;
        & > .words--faint { color: $faint; }
        & > .words--heading { color: $primary; text-style: bold; }
        & > .words--for { color: $good; text-style: bold; }
        & > .words--against { color: $poor; text-style: underline; }
    }
    """
    COMPONENT_CLASSES = {"words--faint", "words--heading", "words--for", "words--against"}

    def __init__(self) -> None:
        super().__init__()
        self._words: Sequence[ToolWord] = ()

    def show(self, words: Sequence[ToolWord]) -> None:
        """Show the words of a tool; none shows nothing."""
        if list(words) != list(self._words):
            self._words = words
            self.invalidate()

    def draw(self, width: int) -> RenderableType:
        """A heading, the text, and the words with the largest effects."""
        if not self._words:
            return Text()
        lines = [Text("What the tool says", self.look("words--heading")), self._text()]
        strongest = sorted(self._words, key=lambda each: -abs(each.effect))[:MOST_NAMED]
        named = [f"{one_line(each.text)} {each.effect:+.2f}" for each in strongest]
        lines.append(Text(f"log-odds by word: {', '.join(named)}", self.look("words--faint")))
        return Text("\n").join(lines)

    def _text(self) -> Text:
        text = Text()
        part = ""
        for word in self._words:
            if text and word.part != part:
                text = text.append(" ·", self.look("words--faint"))
            part = word.part
            text = text.append(" ") if text else text
            text.append(one_line(word.text), self._look(word))
        return text

    def _look(self, word: ToolWord) -> str:
        if abs(word.effect) < CLEAR:
            return ""
        style = self.look("words--for" if word.effect > 0 else "words--against")
        return str(style)
