"""A model's answer to one conversation as tables: one row for each step, and the final values."""

from __future__ import annotations

from msgspec import to_builtins
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from trm_engine.files.jsonl import to_json
from trm_engine.printable import one_line
from trm_engine.runs.schema.answers import Answer, StepPrediction
from trm_engine.wording import counted
from trm_tui.store.step_answer import missing
from trm_tui.text.figures import NOTHING

HALT = "▲"


def answer_tables(answer: Answer, title: str) -> RenderableType:
    """The answer to ``predict``: a row for each step, then the last step's values and calls."""
    last = answer.steps[-1]
    parts: list[RenderableType] = [_steps(answer, title), _values(last)]
    for call in last.prediction.calls:
        parts.append(Text(f"call: {to_json(to_builtins(call))}"))
    if lacks := missing(last):
        parts.append(Text(f"missing: {one_line(lacks)}"))
    if dropped := answer.tokenization.dropped_tokens:
        most = answer.tokenization.max_length
        parts.append(Text(f"{counted(dropped, 'older token')} truncated: the model reads {most:,}"))
    if new := answer.new_tools:
        parts.append(Text(f"tools that are new to the model: {one_line(', '.join(new))}"))
    return Group(*parts)


def _steps(answer: Answer, title: str) -> Table:
    table = Table(title=title, title_style="bold")
    for name in ("Step", "Decision", "P(call)", "Tool", "P(tool)", "q"):
        is_number = name in ("Step", "P(call)", "P(tool)", "q")
        table.add_column(name, justify="right" if is_number else "left", no_wrap=is_number)
    for number, step in enumerate(answer.steps, 1):
        prediction, likeliest = step.prediction, step.likeliest
        mark = f" {HALT}" if number == answer.halts_at else "  "
        table.add_row(
            str(number),
            prediction.decision,
            f"{prediction.decision_probability:.4f}",
            Text(one_line(likeliest.name)) if likeliest else NOTHING,
            f"{likeliest.probability:.4f}" if likeliest else NOTHING,
            f"{prediction.q:.4f}{mark}",
        )
    table.caption = f"{HALT} halts here at q ≥ {answer.halt_threshold:g}"
    if answer.halts_at is None:
        table.caption = f"q never reaches {answer.halt_threshold:g}: all steps are run"
    return table


def _values(step: StepPrediction) -> Table:
    """The slots and the arguments of the call."""
    table = Table(title=f"Values at step {step.prediction.steps_used}", title_style="bold")
    table.add_column("", no_wrap=True)
    table.add_column("Value", overflow="fold")
    table.add_column("P", justify="right", no_wrap=True)
    for kind, values in (("slot", step.slots), ("argument", step.call_arguments)):
        for value in values:
            name = Text(f"{kind} {one_line(value.name)}")
            shown = Text(one_line(value.predicted) or NOTHING)
            table.add_row(name, shown, f"{value.presence:.4f}")
    return table
