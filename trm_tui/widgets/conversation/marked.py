"""MarkedConversation: a sample's turns, with true and predicted values marked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from rich.console import RenderableType
from rich.style import Style
from rich.text import Text

from trm_engine.data.samples import Turn
from trm_engine.printable import one_line
from trm_engine.vocabulary import ROLES
from trm_engine.wording import counted
from trm_tui.store.step_answer import PREDICTED, TRUE, UNSEEN, Mark
from trm_tui.text.marked import Kinds, Span, marked_text
from trm_tui.widgets.table.drawing import Drawing

Record = Mapping[str, Any]

LONGEST_TEXT = 20_000
INDENT = 2
BOTH = frozenset({TRUE, PREDICTED})


class MarkedConversation(Drawing):
    """Shows the conversation of one sample."""

    DEFAULT_CSS = """
    MarkedConversation {
        & > .marked--faint { color: $faint; }
        & > .marked--warning { color: $warning; }
        & > .marked--heading { text-style: bold; }
        & > .marked--system { color: $faint; text-style: bold; }
        & > .marked--user { color: $series-1; text-style: bold; }
        & > .marked--assistant { color: $series-3; text-style: bold; }
        & > .marked--tool_call { color: $series-2; text-style: bold; }
        & > .marked--tool_response { color: $series-4; text-style: bold; }
        & > .marked--true { color: $good; text-style: bold underline; }
        & > .marked--predicted { color: $accent; text-style: reverse; }
        & > .marked--both { color: $good; text-style: reverse underline; }
        & > .marked--unseen { color: $faint; text-style: dim italic; }
    }
    """
    COMPONENT_CLASSES = {
        f"marked--{name}"
        for name in ("faint", "warning", "heading", "true", "predicted", "both", "unseen", *ROLES)
    }

    def __init__(self) -> None:
        super().__init__()
        self._sample: Record | None = None
        self._note = ""
        self._spans: dict[int, list[Span]] = {}
        self._last_turns: dict[int, int] = {}

    def show(self, sample: Record | None, places: Sequence[Mark], note: str = "") -> None:
        """Show a sample with marked places. ``note`` is a warning above it."""
        self._sample, self._note = sample, note
        self._spans = defaultdict(list)
        for turn, begin, end, kind in places:
            self._spans[turn].append(Span(begin, end, kind))
        self.invalidate()

    def draw(self, width: int) -> RenderableType:
        """Tools, turns, legend."""
        lines: list[Text] = []
        for indent, text in self._paragraphs():
            if not indent:
                self._last_turns[width] = len(lines)
            wrapped = text.wrap(self.app.console, max(width - indent, 1), overflow="fold")
            lines += [Text(" " * indent).append_text(line) for line in wrapped]
        return Text("\n", no_wrap=True).join(lines)

    def last_turn(self) -> int:
        """The first row of the last turn."""
        width = self.size.width
        return self._last_turns.get(width, 0) if self._drawn(width) else 0

    def _paragraphs(self) -> Iterator[tuple[int, Text]]:
        """Indentation and text of each paragraph. A turn's heading is not indented."""
        if self._sample is None:
            yield 0, Text("No sample selected", self.look("marked--faint"))
            return
        yield 0, Text(_tools(self._sample), self.look("marked--faint"))
        if self._note:
            yield 0, Text(self._note, self.look("marked--warning"))
        for number, turn in enumerate(_turns(self._sample)):
            role = str(turn.get("role"))
            look = self.look(f"marked--{role if role in ROLES else 'heading'}")
            yield 0, Text(one_line(role), look)
            yield INDENT, self._text(number, turn)
        if any(span.kind != UNSEEN for spans in self._spans.values() for span in spans):
            yield INDENT, self._legend()

    def _legend(self) -> Text:
        faint = self.look("marked--faint")
        examples = {"true value": {TRUE}, "predicted": {PREDICTED}, "both": BOTH}
        words = [Text(each, self._marked(frozenset(kinds))) for each, kinds in examples.items()]
        return Text("marks: ", faint).append_text(Text("  ").join(words))

    def _text(self, number: int, turn: Record) -> Text:
        text = turn_text(turn)
        shown = marked_text(text[:LONGEST_TEXT], self._spans.get(number, ()), self._marked)
        if len(text) > LONGEST_TEXT:
            rest = f"\n… {counted(len(text) - LONGEST_TEXT, 'more character')}"
            shown.append(rest, self.look("marked--faint"))
        return shown

    def _marked(self, kinds: Kinds) -> Style:
        look = Style.null()
        if UNSEEN in kinds:
            look += self.look("marked--unseen")
        if kinds >= BOTH:
            look += self.look("marked--both")
        elif TRUE in kinds:
            look += self.look("marked--true")
        elif PREDICTED in kinds:
            look += self.look("marked--predicted")
        return look


def turn_text(turn: Record) -> str:
    """The turn as the model reads it: its text, or compact JSON."""
    try:
        return Turn.model_validate(turn).text()
    except (ValidationError, RecursionError):
        return str(turn.get("content"))


def _turns(sample: Record) -> list[Record]:
    history = sample.get("history")
    return [turn for turn in history if isinstance(turn, dict)] if isinstance(history, list) else []


def _tools(sample: Record) -> str:
    tools = sample.get("tools")
    functions = [
        tool.get("function")
        for tool in (tools if isinstance(tools, list) else [])
        if isinstance(tool, dict)
    ]
    names = [str(each.get("name")) for each in functions if isinstance(each, dict)]
    if not names:
        return "no available tools"
    return one_line(f"{counted(len(names), 'available tool')}: {', '.join(names)}")
