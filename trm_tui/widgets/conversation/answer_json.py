"""AnswerJson: the predicted tool calls at one step, as JSON."""

from __future__ import annotations

from msgspec import to_builtins
from rich.console import RenderableType
from rich.text import Text

from trm_engine.files.jsonl import to_json
from trm_engine.runs.schema.answers import Prediction
from trm_tui.widgets.table.drawing import Drawing

ANSWERS = "No call: the model answers."
NO_TOOL = "Call, but the model knows none of the available tools."


class AnswerJson(Drawing):
    """Shows the calls that are made together."""

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
        self._prediction: Prediction | None = None

    def show(self, prediction: Prediction | None) -> None:
        """Show the answer at one step; None shows nothing."""
        self._prediction = prediction
        self.invalidate()

    def draw(self, width: int) -> RenderableType:
        """A heading and the calls, or the reason why there is none."""
        if not self._prediction:
            return Text()
        calls = self._prediction.calls
        number = f"{len(calls)} calls" if len(calls) > 1 else "Call"
        heading = Text(f"{number}\n", self.look("json--heading"))
        if not calls:
            words = ANSWERS if self._prediction.decision == "direct_answer" else NO_TOOL
            return heading.append(words, self.look("json--faint"))
        text = "\n".join(to_json(to_builtins(call), indent=2) for call in calls)
        return heading.append(text, self.look("json--call"))
