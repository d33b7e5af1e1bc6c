"""ToolsDialog: choose the available tools from a list, or write them as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.segment import Segment
from textual import on
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import SelectionList, Static, TabbedContent, TabPane, TextArea
from textual.widgets.selection_list import Selection

from trm_engine.data.catalogue import inferred_tool, read_tools
from trm_engine.data.fields import ConvertError
from trm_engine.files.jsonl import to_json
from trm_engine.printable import one_line
from trm_tui.screens.dialogs import Choice, Dialog

Record = Mapping[str, Any]
Tools = Sequence[Record]

LIST, JSON = "list", "json"


class TickList(SelectionList[str]):
    """A list in which only ticked rows have a mark. Textual's marks differ in their colour only."""

    def render_line(self, y: int) -> Strip:
        """A row, without its mark if it is not ticked."""
        strip, row = super().render_line(y), self.scroll_offset.y + y
        if row >= self.option_count or self.get_option_at_index(row).value in self.selected:
            return strip
        left, mark, *rest = strip
        return Strip([left, Segment(" " * len(mark.text), mark.style), *rest], strip.cell_length)


class ToolsDialog(Dialog[Tools | None]):
    """Lists the conversation's tools, then those of the training data. Ticked ones are on offer.

    The result is a list of tools in a sample's format, [] for all tools that the model knows, or
    None for cancel.
    """

    DEFAULT_CSS = """
    ToolsDialog {
        & > #dialog { width: 100%; max-width: 100; }
        & TabbedContent, & ContentSwitcher, & TabPane { height: auto; }
        & SelectionList { height: auto; max-height: 14; border: none; background: $surface; }
        & TextArea { height: 14; border: none; background: $panel; }
        & #problem { color: $warning; }
    }
    """
    HINT = "space ticks · enter on a button · esc cancels"

    def __init__(self, tools: Tools, labels: Record) -> None:
        super().__init__("Available tools", [Choice("OK", None), Choice("Cancel", None)], None)
        self._known = {str(tool["function"]["name"]): tool for tool in _known_tools(labels)}
        self._given = {str(tool["function"]["name"]): tool for tool in tools}
        self._all = self._given | self._known | self._given  # first those on offer, as given

    def body(self) -> Iterable[Widget]:
        """The list, the same as JSON, and its problem."""
        offered = self._given or self._known
        names = (
            Selection(_prompt(name, name in self._known), name, name in offered)
            for name in self._all
        )
        yield Static(
            "The ticked tools are on offer. If none is ticked, all of the training data are. "
            "Under JSON, write or paste any others: the model reads them."
        )
        with TabbedContent(initial=LIST):
            yield TabPane("List", TickList(*names), id=LIST)
            text = to_json([*offered.values()], indent=1)
            yield TabPane("JSON", TextArea(text, compact=True), id=JSON)
        yield Static(id="problem", markup=False)

    def preferred(self) -> Widget:
        """The list."""
        return self.query_one(SelectionList)

    @on(TabbedContent.TabActivated)
    def _fill_json(self, event: TabbedContent.TabActivated) -> None:
        """Start the JSON with the ticked tools."""
        if event.pane.id == JSON:
            tools = to_json(self._ticked(), indent=1)
            self.query_one(TextArea).text = tools

    def choose(self, position: int) -> None:
        """Close with the tools, or with None."""
        if position:
            self.action_cancel()
            return
        if self.query_one(TabbedContent).active == LIST:
            ticked = self._ticked()
            is_all = not self._given and len(ticked) == len(self._known)
            self.dismiss([] if is_all else ticked)
            return
        try:
            self.dismiss(self._written())
        except ConvertError as error:
            self.query_one("#problem", Static).update(one_line(error.problems[0]))

    def _ticked(self) -> list[Record]:
        chosen = set(self.query_one(SelectionList).selected)
        return [tool for name, tool in self._all.items() if name in chosen]

    def _written(self) -> Tools:
        """The tools in the JSON, in any shape. Raises ConvertError if they are invalid."""
        return read_tools(self.query_one(TextArea).text, "tools")


def _known_tools(labels: Record) -> Iterable[Record]:
    """The tools of the training data, each as it was first defined."""
    args = [each["name"] for each in labels.get("args", ())]
    pairs = zip(labels.get("definitions", ()), labels.get("parameters", ()), strict=False)
    names: set[str] = set()
    for definition, channels in pairs:
        name = definition["name"]
        if name in names:
            continue
        names.add(name)
        tool = inferred_tool(name, [args[channel] for channel in channels])
        if definition["schema"]:
            tool["function"]["parameters"] = json.loads(definition["schema"])
            tool["function"]["description"] = definition["description"]
        yield tool


def _prompt(name: str, is_known: bool) -> str:
    words = name if is_known else f"{name} (new to the model)"
    return one_line(words).replace("[", "\\[")
