"""StepAnswer: one step's answer beside the truth, and probabilities by step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from trm_engine.printable import one_line
from trm_engine.runs.schema.answers import Answer, StepPrediction
from trm_tui.store.step_answer import (
    RIGHT,
    TOOL,
    Compared,
    arguments,
    decision,
    is_quiet,
    leading_tools,
    missing,
    slots,
    tool_probabilities,
)
from trm_tui.text import figures
from trm_tui.text.figures import NOTHING, clip, pad, share_text
from trm_tui.widgets.table.drawing import Drawing

CELL = 6
MIN_LABEL, MAX_LABEL = 8, 22
LONGEST_WORDS = 60
TOOLS = 3
LEAST_VALUE = 12
"""Cells that a column of values needs; truth and prediction share one in less room."""

VERDICT = 10
HALT = "▲"
NEVER, NEVER_SHORT = " never: it runs all steps", " never"
DECISIONS = {"tool_call": "call", "direct_answer": "answer"}


class StepAnswer(Drawing):
    """Shows everything about an answer except texts. Empty slots are listed or counted."""

    DEFAULT_CSS = """
    StepAnswer {
        & > .answer--faint { color: $faint; }
        & > .answer--heading { color: $primary; text-style: bold; }
        & > .answer--step { color: $accent; text-style: bold reverse; }
        & > .answer--halt { color: $accent; text-style: bold; }
        & > .answer--good { color: $good; }
        & > .answer--poor { color: $poor; }
    }
    """
    COMPONENT_CLASSES = {
        f"answer--{name}" for name in ("faint", "heading", "step", "halt", "good", "poor")
    }

    def __init__(self, all_slots: bool = False) -> None:
        super().__init__()
        self._all_slots = all_slots
        self._answer: Answer | None = None
        self._step = 0
        self._has_columns_for_both = False

    def show(self, answer: Answer | None, step: int = 0) -> None:
        """Show the answer at a step, from 0; None if it is not known yet."""
        self._answer, self._step = answer, step
        self.invalidate()

    def draw(self, width: int) -> RenderableType:
        """Decision, tool, arguments and slots in one table, then the steps."""
        if self._answer is None:
            return Text("There is no answer yet.", self._look("faint"))
        return Group(self._table(width), Text(), *self._steps(self._answer, width))

    # Steps ------------------------------------------------------------------------------------

    def _steps(self, answer: Answer, width: int) -> Iterator[Text]:
        steps = answer.steps
        tools = leading_tools(answer, steps[self._step], TOOLS)
        label = _label_width(tools, width)
        seen = self._visible_steps(len(steps), (width - label) // CELL)
        has_several = len(steps) > 1  # a single one has no course
        if has_several:
            yield self._step_numbers(seen, label, len(steps))
            chances = [each.prediction.decision_probability for each in steps]
            yield self._figures("P(call)", chances, seen, label)
        for tool in tools:
            yield self._figures(tool, tool_probabilities(answer, tool), seen, label)
        yield self._figures("q", [each.prediction.q for each in steps], seen, label)
        if has_several:
            yield self._halting(answer, seen, label, width)

    def _visible_steps(self, count: int, room: int) -> range:
        """The steps that fit, with the selected one among them."""
        room = max(min(room, count), 1)
        first = min(max(self._step - room // 2, 0), count - room)
        return range(first, first + room)

    def _step_numbers(self, seen: range, label: int, count: int) -> Text:
        line = self._line("step", label)
        for step in seen:
            if step == self._step:
                line.append(" " * (CELL - 5))
                line.append(f"{step + 1}".center(5), self._look("step"))
            else:
                line.append(f"{step + 1:>{CELL - 2}}  ", self._look("faint"))
        hidden = count - len(seen)
        return line.append(f" {hidden} more" if hidden else "", self._look("faint"))

    def _figures(self, name: str, shares: Sequence[float], seen: range, label: int) -> Text:
        line = self._line(name, label)
        for step in seen:
            look = "" if step == self._step else "faint"
            line.append(f"{share_text(shares[step]):>{CELL}}", self._look(look) if look else "")
        return line

    def _halting(self, answer: Answer, seen: range, label: int, width: int) -> Text:
        """Mark the step at which the model would halt, in words where there is room."""
        at, faint = answer.halts_at, self._look("faint")
        line = self._line(f"q ≥ {answer.halt_threshold:g}", label)
        if at is None:
            return line.append(NEVER if label + len(NEVER) <= width else NEVER_SHORT, faint)
        for step in seen:
            line.append(f"{HALT if step + 1 == at else '':>{CELL - 2}}  ", self._look("halt"))
        words = f" halts at step {at}"
        return line.append(words if line.cell_len + len(words) <= width else "", faint)

    def _line(self, name: str, label: int) -> Text:
        """A line that starts with a label of ``label`` cells."""
        return Text(no_wrap=True).append(pad(one_line(name), label), self._look("faint"))

    # Table ------------------------------------------------------------------------------------

    def _table(self, width: int) -> RenderableType:
        answer = self._answer
        assert answer is not None
        self._has_columns_for_both = self._has_truth and _has_room_for_both(width)
        step = answer.steps[self._step]
        table = self._columns(width)
        for row in decision(answer, step):
            is_said = row.name != TOOL or step.prediction.tool is not None
            table.add_row(*self._cells(row, is_said))
        if lacks := missing(step):
            said = Text(one_line(lacks))
            table.add_row(Text("missing"), *([Text()] * self._has_columns_for_both), said)
        self._add_arguments(table, answer, step)
        self._add_slots(table, answer, step)
        return table

    def _columns(self, width: int) -> Table:
        """The table. A column for the truth exists only if it is known and there is room."""
        table = Table.grid(padding=(0, 1, 0, 0), expand=True)
        table.add_column(no_wrap=True, max_width=_name_width(width), overflow="ellipsis")
        names = ["", *(["true"] * self._has_columns_for_both), "model", "P"]
        names += [""] * self._has_truth
        for name in names[1:]:
            is_value = name in ("true", "model")
            if is_value:
                table.add_column(overflow="fold", ratio=1)
            else:
                table.add_column(no_wrap=True, justify="right" if name else "left")
        table.add_row(*(Text(each, self._look("faint")) for each in names))
        return table

    @property
    def _has_truth(self) -> bool:
        return bool(self._answer and self._answer.truth)

    def _add_arguments(self, table: Table, answer: Answer, step: StepPrediction) -> None:
        rows = arguments(answer, step)
        if rows:
            note = Text("" if step.prediction.tool else "(not called)", self._look("faint"))
            heading = Text("Arguments", self._look("heading"))
            table.add_row(heading, *([Text()] * self._has_columns_for_both), note)
        for row in rows:
            table.add_row(*self._cells(row))

    def _add_slots(self, table: Table, answer: Answer, step: StepPrediction) -> None:
        rows = slots(answer, step)
        listed = [row for row in rows if self._all_slots or not is_quiet(row)]
        if rows:
            table.add_row(Text("Slots", self._look("heading")))
        for row in listed:
            table.add_row(*self._cells(row))
        if quiet := len(rows) - len(listed):
            count = f"{quiet} more" if listed else f"{quiet}"
            table.add_row(Text(count, self._look("faint")), Text("empty", self._look("faint")))

    def _cells(self, row: Compared, is_said: bool = True) -> Iterator[Text]:
        is_wrong = row.verdict not in (RIGHT, None)
        look = self._look("poor" if is_wrong else "good")
        truth, said = (DECISIONS.get(each, each) for each in (row.truth, row.predicted))
        said = said if is_said else f"({said})"
        value = Text(one_line(said), look) if is_wrong and row.predicted else self._value(said)
        yield Text(one_line(row.name))
        if self._has_columns_for_both:
            yield self._value(truth)
        elif is_wrong:
            label = Text("true: ", self._look("faint"))
            value = Text("\n").join([value, label.append_text(self._value(truth))])
        yield value
        yield Text(NOTHING if row.probability is None else share_text(row.probability))
        if self._has_truth:
            verdict = f" {row.verdict}" * self._has_columns_for_both
            mark = f"{figures.WRONG}{verdict}" if is_wrong else figures.RIGHT
            yield Text(mark if row.verdict else "", look)

    def _value(self, text: str) -> Text:
        return Text(one_line(text)) if text else Text(NOTHING, self._look("faint"))

    def _look(self, name: str) -> Any:
        return self.look(f"answer--{name}")


def _name_width(width: int) -> int:
    return max(width // 4, 6)


def _has_room_for_both(width: int) -> bool:
    """Whether truth and prediction fit beside name, probability and verdict."""
    others = _name_width(width) + CELL + VERDICT + 4
    return (width - others) // 2 >= LEAST_VALUE


def _label_width(tools: Sequence[str], width: int) -> int:
    longest = max((cell_len(one_line(tool)) for tool in tools), default=0) + 1
    return min(max(longest, MIN_LABEL), MAX_LABEL, max(width // 2, 1))


def wrong_words(answer: Answer, step: int) -> str:
    """What is wrong with the answer at a step; "" if nothing is, or if that is unknown."""
    at = answer.steps[step]
    names = [row.name for row in decision(answer, at) if row.verdict not in (RIGHT, None)]
    parts = {"arguments": arguments(answer, at), "slots": slots(answer, at)}
    for name, rows in parts.items():
        if any(row.verdict not in (RIGHT, None) for row in rows):
            names.append(name)
    return clip(", ".join(names), LONGEST_WORDS)
