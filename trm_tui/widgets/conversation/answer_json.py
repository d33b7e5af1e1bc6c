"""AnswerJson: the predicted tool call at one step, as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from trm_engine.files.jsonl import to_json
from trm_tui.widgets.table.drawing import Drawing

ANSWERS = "No call: the model answers."
NO_TOOL = "Call, but the model knows none of the available tools."


class AnswerJson(Drawing):
    """Shows a tool call."""

    DEFAULT_CSS = """
    AnswerJson {
        & > .json--heading { color: $primary; text-style: bold; }
        & > .json--faint { color: $faint; }
        & > .json--call { color: $series-2; }
    }
    """
    COMPONENT_CLASSES = {"json--heading", "json--faint", "json--call"}

    def __init__(self) -> None:
        super().__init__()
        self._step: Mapping[str, Any] | None = None

    def show(self, step: Mapping[str, Any] | None) -> None:
        """Show the answer at one step; None shows nothing."""
        self._step = step
        self.invalidate()

    def draw(self, width: int) -> RenderableType:
        """A heading and the call, or the reason why there is none."""
        if not self._step:
            return Text()
        heading = Text("Call\n", self.look("json--heading"))
        answer = self._step["prediction"]
        call = answer["tool"]
        if call is None:
            words = ANSWERS if answer["decision"] == "direct_answer" else NO_TOOL
            return heading.append(words, self.look("json--faint"))
        text = to_json(call, indent=2)
        return heading.append(text, self.look("json--call"))
