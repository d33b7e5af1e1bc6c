"""LabelsView: the tools, parameters and slots that a model knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any

from rich.cells import cell_len
from rich.console import RenderableType
from rich.text import Text
from textual.app import ComposeResult
from textual.content import Content

from trm_engine.printable import one_line
from trm_tui.keys import LABELS, bindings
from trm_tui.text.figures import clip_middle, pad
from trm_tui.text.wrapped import wrap
from trm_tui.widgets.log.buffer import fold
from trm_tui.widgets.table.drawing import Drawing
from trm_tui.widgets.table.scrolling import Scroller
from trm_tui.widgets.table.search_pane import SearchPane

WIDE = 120
"""From this width on, slots are beside tools."""

GAP = 2
INDENT = "  "
MOST_NAME = 32
BETWEEN = " · "


@dataclass(frozen=True)
class Field:
    """A slot or a parameter; ``values`` are the options of a choice."""

    name: str
    kind: str
    values: tuple[str, ...] = ()
    json_type: str = ""

    def has(self, words: str) -> bool:
        """Whether name, kind or a value contains ``words``, which must be folded."""
        return any(words in fold(text) for text in (self.name, self.kind, *self.values))


@dataclass(frozen=True)
class Tool:
    """A tool and its parameters."""

    name: str
    parameters: tuple[Field, ...] = ()

    def with_words(self, words: str) -> Tool | None:
        """The tool if its name matches, else only with its matching parameters; None if none."""
        if words in fold(self.name):
            return self
        found = tuple(each for each in self.parameters if each.has(words))
        return replace(self, parameters=found) if found else None


def fields_of(values: Any) -> list[Field]:
    """The slots or parameters of ``Labels.to_dict``."""
    return [
        Field(
            str(each.get("name", "")),
            str(each.get("kind", "span")),
            tuple(map(str, each.get("values") or ())),
            str(each.get("json_type") or ""),
        )
        for each in values or ()
        if isinstance(each, Mapping)
    ]


def tools_of(labels: Mapping[str, Any]) -> list[Tool]:
    """The tools of ``Labels.to_dict``."""
    args = fields_of(labels.get("args"))
    channels = labels.get("parameters") or ()
    return [
        Tool(str(name), tuple(args[place] for place in places or () if 0 <= place < len(args)))
        for name, places in zip_longest(labels.get("tools") or (), channels)
        if name is not None
    ]


class LabelsTable(Drawing):
    """Tools and slots, below each other or side by side."""

    DEFAULT_CSS = """
    LabelsTable > .labels--faint { color: $faint; }
    LabelsTable > .labels--section { color: $primary; text-style: bold; }
    LabelsTable > .labels--tool { text-style: bold; }
    LabelsTable > .labels--choice { color: $series-2; }
    LabelsTable > .labels--found { color: $accent; text-style: underline; }
    """
    COMPONENT_CLASSES = {
        "labels--faint",
        "labels--section",
        "labels--tool",
        "labels--choice",
        "labels--found",
    }

    def __init__(self) -> None:
        super().__init__()
        self._tools: Sequence[Tool] = ()
        self._slots: Sequence[Field] = ()
        self._words = ""

    def show(self, tools: Sequence[Tool], slots: Sequence[Field], words: str) -> None:
        """Show tools and slots, with ``words`` highlighted."""
        self._tools, self._slots, self._words = tools, slots, words
        self.invalidate()

    def draw(self, width: int) -> RenderableType:
        """All labels, in one or two columns."""
        if not (self._tools or self._slots):
            note = "No label contains these words." if self._words else "Not known."
            return Text(note, self.look("labels--faint"))
        if width < WIDE:
            slots, tools = list(self._slot_lines(width)), list(self._tool_lines(width))
            return _joined([*slots, *([Text()] if slots and tools else []), *tools])
        half = (width - GAP) // 2
        pairs = zip_longest(self._tool_lines(half), self._slot_lines(half), fillvalue=Text())
        return _joined([_beside(left, right, half + GAP) for left, right in pairs])

    def _tool_lines(self, width: int) -> Iterator[Text]:
        if not self._tools:
            return
        yield Text(f"Tools  {len(self._tools):,}", self.look("labels--section"))
        parameters = [each for tool in self._tools for each in tool.parameters]
        names = _name_width(parameters, width)
        for tool in self._tools:
            name = clip_middle(one_line(tool.name), width - len(INDENT))
            yield self._found(Text(INDENT).append(name, self.look("labels--tool")))
            for parameter in tool.parameters:
                yield from self._field_lines(parameter, INDENT * 2, names, width)

    def _slot_lines(self, width: int) -> Iterator[Text]:
        if not self._slots:
            return
        yield Text(f"Slots  {len(self._slots):,}", self.look("labels--section"))
        names = _name_width(self._slots, width)
        for slot in self._slots:
            yield from self._field_lines(slot, INDENT, names, width)

    def _field_lines(self, each: Field, indent: str, names: int, width: int) -> Iterator[Text]:
        """The lines of a field: name, type, kind and choices."""
        line = Text(indent)
        line.append(pad(clip_middle(one_line(each.name), names), names + GAP))
        line.append(pad(one_line(each.json_type), 9), self.look("labels--faint"))
        if each.kind != "choice":
            yield self._found(line.append(one_line(each.kind)))
            return
        line.append(f"choice of {len(each.values):,}", self.look("labels--choice"))
        choices = BETWEEN.join(map(one_line, each.values))
        room = width - line.cell_len - GAP
        if cell_len(choices) <= room:
            yield self._found(line.append(" " * GAP).append(choices))
            return
        yield self._found(line)
        inner = indent + INDENT
        for part in wrap(choices, width - len(inner)):
            yield self._found(Text(inner).append(part.rstrip()))

    def _found(self, text: Text) -> Text:
        return self.found(text, self._words, "labels--found")


class LabelsView(SearchPane):
    """The labels of a model, with search."""

    BINDINGS = bindings(LABELS)

    def __init__(self, **options: Any) -> None:
        super().__init__("words of a label", **options)
        self.border_title = "Labels"
        self._labels: Mapping[str, Any] | None = None
        self._tools: list[Tool] = []
        self._slots: list[Field] = []
        self._table = LabelsTable()

    def compose(self) -> ComposeResult:
        with Scroller():
            yield self._table
        yield self.search

    def show(self, labels: Mapping[str, Any] | None) -> None:
        """Show labels from ``Labels.to_dict``; None if they are unknown."""
        if labels != self._labels:
            self._labels = labels
            self._tools = tools_of(labels or {})
            self._slots = fields_of((labels or {}).get("slots"))
            self.narrow(self.words)

    def narrow(self, words: str) -> None:
        """Show only labels that contain these words."""
        folded = fold(words)
        tools = [found for tool in self._tools if (found := tool.with_words(folded))]
        slots = [slot for slot in self._slots if slot.has(folded)]
        self._table.show(tools, slots, words)
        self.border_subtitle = Content(self._subtitle(tools, slots))

    def _subtitle(self, tools: Sequence[Tool], slots: Sequence[Field]) -> str:
        if not (self._tools or self._slots):
            return ""
        kinds = (len(tools), len(self._tools), "tools"), (len(slots), len(self._slots), "slots")
        return " · ".join(
            f"{shown:,}{f' of {all_:,}' if shown < all_ else ''} {what}"
            for shown, all_, what in kinds
        )


def _name_width(fields: Sequence[Field], width: int) -> int:
    longest = max((cell_len(one_line(each.name)) for each in fields), default=0)
    return max(min(longest, MOST_NAME, width // 2), 1)


def _beside(left: Text, right: Text, width: int) -> Text:
    blank = " " * max(width - left.cell_len, 1)
    return Text().append_text(left).append(blank).append_text(right)


def _joined(lines: Sequence[Text]) -> Text:
    return Text("\n", no_wrap=True, overflow="ellipsis").join(lines)
