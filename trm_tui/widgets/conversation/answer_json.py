"""AnswerJson: the predicted tool calls at one step, as JSON."""

from __future__ import annotations

from rich.cells import cell_len
from rich.console import RenderableType
from rich.text import Text

from trm_engine.files.jsonl import to_json
from trm_engine.runs.schema.answers import Call, Prediction
from trm_tui.store.step_answer import decided_probability
from trm_tui.text.figures import share_text
from trm_tui.widgets.table.drawing import Drawing

NAMES = {"tool_call": "Call", "direct_answer": "Answer"}
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
        number = f"{len(calls)} calls" if len(calls) > 1 else NAMES[self._prediction.decision]
        heading = Text(number, self.look("json--heading"))
        chance = decided_probability(self._prediction)
        heading.append(f" {share_text(chance)}\n", self.look("json--faint"))
        if not calls:
            words = ANSWERS if self._prediction.decision == "direct_answer" else NO_TOOL
            return heading.append(words, self.look("json--faint"))
        text = "\n".join(_as_json(call, width) for call in calls)
        return heading.append(text, self.look("json--call"))


def _as_json(call: Call, width: int) -> str:
    """A call on one line if it fits; otherwise each argument has a line."""
    name = f'{{"name": {to_json(call.name)}'
    arguments = [f"{to_json(each)}: {to_json(value)}" for each, value in call.arguments.items()]
    line = f'{name}, "arguments": {{{", ".join(arguments)}}}}}'
    if cell_len(line) <= width or not arguments:
        return line
    return f'{name},\n "arguments": {{\n  ' + ",\n  ".join(arguments) + "}}"
