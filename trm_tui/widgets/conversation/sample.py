"""One sample: the available tools, the conversation and the correct answer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from trm_engine.printable import one_line, printable
from trm_engine.vocabulary import ROLES, TOOL_ROLES
from trm_engine.wording import counted
from trm_tui.keys import ROWS, bindings
from trm_tui.text.figures import clip
from trm_tui.text.wrapped import wrap
from trm_tui.widgets.table.scrolling import ScrollKeys

LONGEST_TEXT = 20_000
INDENT = "  "
LOOKS = ("faint", "heading", "problem", *ROLES)

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Paragraph:
    """Text in one style. ``lead`` precedes the first line and indents the others."""

    text: str
    look: str = ""
    lead: str = ""
    is_folded: bool = False
    """Whether it is cut to one line."""


class ConversationView(ScrollView, ScrollKeys, can_focus=True, inherit_bindings=False):
    """Shows one sample of a data file."""

    DEFAULT_CSS = """
    ConversationView {
        overflow-x: hidden;
        scrollbar-size-vertical: 1;
        scrollbar-gutter: stable;
        & > .conversation--faint { color: $faint; }
        & > .conversation--heading { text-style: bold; }
        & > .conversation--problem { color: $error; }
        & > .conversation--system { color: $faint; text-style: bold; }
        & > .conversation--user { color: $series-1; text-style: bold; }
        & > .conversation--assistant { color: $series-3; text-style: bold; }
        & > .conversation--tool_call { color: $series-2; text-style: bold; }
        & > .conversation--tool_response { color: $series-4; text-style: bold; }
    }
    """
    COMPONENT_CLASSES = {f"conversation--{look}" for look in LOOKS}
    BINDINGS = bindings(ROWS)

    def __init__(self) -> None:
        super().__init__()
        self._sample: Record | None = None
        self._message: Paragraph | None = None
        self._has_all_tools = False
        self._strips: list[Strip] = []

    def show(self, sample: Record) -> None:
        """Show a sample from its start."""
        self._sample, self._message = sample, None
        self._draw()
        self.action_first()

    def show_message(self, message: str, is_problem: bool = False) -> None:
        """Show a message instead of a sample."""
        self._message = Paragraph(message, "problem" if is_problem else "faint")
        self._draw()
        self.action_first()

    def toggle_tools(self) -> None:
        """Show all tools with their parameters, or only one line of names."""
        self._has_all_tools = not self._has_all_tools
        self._draw()

    def scrolled(self) -> ConversationView:
        """The view itself."""
        return self

    # Painting

    def on_resize(self) -> None:
        self._draw()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self.call_later(self._draw)  # the styles of the components come after this

    def _draw(self) -> None:
        size = self.scrollable_content_region.size
        if not self.is_attached or not size.width:
            return
        self._strips = [
            Strip([Segment(line, self._style(paragraph.look))]).adjust_cell_length(
                size.width, self.rich_style
            )
            for paragraph in self._paragraphs()
            for line in _lines(paragraph, size.width)
        ]
        self.virtual_size = Size(size.width, len(self._strips))
        self.refresh()

    def _paragraphs(self) -> Iterator[Paragraph]:
        if self._message:
            yield self._message
        elif self._sample is not None:
            yield from paragraphs(self._sample, self._has_all_tools)

    def _style(self, look: str) -> Style:
        return self.get_component_rich_style(f"conversation--{look}") if look else self.rich_style

    def render_line(self, y: int) -> Strip:
        """One line of the view."""
        y += self.scroll_offset.y
        if y < len(self._strips):
            return self._strips[y]
        return Strip.blank(self.size.width, self.rich_style)


def paragraphs(sample: Record, has_all_tools: bool = False) -> Iterator[Paragraph]:
    """A sample from top to bottom. Missing and malformed parts are skipped."""
    yield from _tools(sample.get("tools"), has_all_tools)
    for turn in _turns(sample):
        yield from _turn(turn)
    yield Paragraph("")
    yield from truth(sample)


def last_user_text(sample: Record) -> str:
    """The last user turn on one line, or the last turn if there is no user turn."""
    turns = _turns(sample)
    said = [turn for turn in turns if turn.get("role") == "user"] or turns
    return one_line(_text(said[-1])[:LONGEST_TEXT]) if said else ""


def _tools(tools: Any, has_all: bool) -> Iterator[Paragraph]:
    functions = [_part(tool, "function") for tool in _records(tools)]
    names = [str(function.get("name")) for function in functions]
    count = counted(len(names), "available tool")
    if has_all and names:
        yield Paragraph(count, "faint")
        for function in functions:
            yield Paragraph(_signature(function), "faint", INDENT)
    else:
        listed = one_line(f"{count}: {', '.join(names)}") if names else "no available tools"
        yield Paragraph(listed, "faint", is_folded=True)
    yield Paragraph("")


def _signature(function: Record) -> str:
    properties = _part(_part(function, "parameters"), "properties")
    return f"{function.get('name')}({', '.join(map(str, properties))})"


def _turn(turn: Record) -> Iterator[Paragraph]:
    role = str(turn.get("role"))
    yield Paragraph(role, role if role in ROLES else "heading")
    yield Paragraph(_text(turn), lead=INDENT)


def _text(turn: Record) -> str:
    """A turn's text. JSON is reformatted."""
    content = turn.get("content")
    if isinstance(content, str) and str(turn.get("role")) in TOOL_ROLES:
        try:
            content = json.loads(content)
        except (ValueError, RecursionError):
            return content
    return content if isinstance(content, str) else _json(content)


def truth(sample: Record) -> Iterator[Paragraph]:
    """The correct answer: decision, tool, text and filled slots."""
    yield Paragraph("correct answer", "heading")
    yield Paragraph(str(sample.get("decision")), lead="  decision  ")
    if sample.get("tool"):
        yield Paragraph(_json(sample["tool"]), lead="  tool      ")
    if sample.get("content"):
        yield Paragraph(str(sample["content"]), lead="  answer    ")
    slots = _part(sample, "slots")
    filled = {str(name): value for name, value in slots.items() if value not in ("", None)}
    width = max(map(len, filled), default=0)
    for position, (name, value) in enumerate(filled.items()):
        lead = "  slots     " if position == 0 else " " * 12
        text = value if isinstance(value, str) else _json(value)
        yield Paragraph(f"{name:<{width}}  {text}", lead=lead)
    if not filled:
        yield Paragraph("none filled", lead="  slots     ")


def _turns(sample: Record) -> list[Record]:
    return _records(sample.get("history"))


def _records(value: Any) -> list[Record]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _part(record: Record, name: str) -> Record:
    value = record.get(name)
    return value if isinstance(value, dict) else {}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _lines(paragraph: Paragraph, width: int) -> Iterator[str]:
    if paragraph.is_folded:
        yield clip(paragraph.text, width)
        return
    lead = paragraph.lead
    for line in _shortened(paragraph.text).split("\n"):
        for part in wrap(line, width - len(lead)):
            yield lead + part
            lead = " " * len(lead)


def _shortened(text: str) -> str:
    """The printable text. The end of a very long text is replaced by its length."""
    if len(text) <= LONGEST_TEXT:
        return printable(text)
    return (
        f"{printable(text[:LONGEST_TEXT])}\n… {counted(len(text) - LONGEST_TEXT, 'more character')}"
    )
