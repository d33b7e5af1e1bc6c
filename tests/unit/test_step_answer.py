"""An answer beside the right one: verdicts, marks, what is told of a call."""

from __future__ import annotations

from typing import Any

import pytest

from tests.predicted import prediction, step, value
from trm_engine.runs.schema.answers import Place
from trm_tui.store.step_answer import (
    DECISION,
    INVENTED,
    MISSED,
    OTHER,
    PREDICTED,
    RIGHT,
    TOOL,
    TRUE,
    UNSEEN,
    Mark,
    arguments,
    decision,
    is_quiet,
    leading_tools,
    marks,
    missing,
    slots,
    tool_probabilities,
)


def verdicts(rows: list[Any]) -> dict[str, str | None]:
    return {row.name: row.verdict for row in rows}


def test_slots_are_missed_invented_other_or_right() -> None:
    answer = prediction(
        truth={
            "slots": [("phone", "0912 345"), ("city", "Genève"), ("date", "May 8")],
        },
        steps=[
            step(
                slots=[
                    value("phone", " 0912 345 "),
                    value("city", "GENÈVE"),
                    value("date", "May"),
                    value("name", "Anna"),
                    value("plan", "Smart", presence=0.5),
                ]
            )
        ],
    )
    rows = slots(answer, answer.steps[0])
    assert verdicts(rows) == {
        "phone": RIGHT,
        "city": RIGHT,
        "date": OTHER,
        "name": INVENTED,
        "plan": RIGHT,
    }
    assert [row.name for row in rows if is_quiet(row)] == ["plan"]
    assert rows[-1].predicted == "" and rows[-1].probability == 0.5


def test_a_slot_that_is_not_said_is_missed_and_so_is_one_the_model_does_not_have() -> None:
    answer = prediction(
        truth={"slots": [("phone", "0912"), ("zodiac", "Leo")]},
        steps=[step(slots=[value("phone", "0912", presence=0.4)])],
    )
    rows = slots(answer, answer.steps[0])
    assert verdicts(rows) == {"phone": MISSED, "zodiac": MISSED}
    assert rows[1].probability is None


@pytest.mark.parametrize(
    ("due", "said", "likeliest", "expected"),
    [
        ("pay", "pay", "pay", {DECISION: RIGHT, TOOL: RIGHT}),
        ("pay", "book", "book", {DECISION: RIGHT, TOOL: TOOL}),
        ("pay", None, "pay", {DECISION: DECISION, TOOL: RIGHT}),
        (None, "pay", "pay", {DECISION: DECISION, TOOL: None}),
        (None, None, "pay", {DECISION: RIGHT}),
    ],
)
def test_decision_and_tool(
    due: str | None, said: str | None, likeliest: str, expected: dict[str, str | None]
) -> None:
    tools = [(likeliest, 0.8), ("cancel", 0.2)]
    answer = prediction(truth={"tool": due}, steps=[step(call=said, tools=tools)])
    rows = decision(answer, answer.steps[0])
    assert verdicts(rows) == expected
    assert rows[0].probability == 0.9
    if len(rows) > 1:
        assert (rows[1].predicted, rows[1].probability) == (likeliest, 0.8)


def test_the_predicted_call_beside_the_true_one() -> None:
    told = {"pay": [value("bill", "7"), value("date", "May", presence=0.1)]}
    answer = prediction(
        truth={"tool": "pay", "arguments": [("bill", "8"), ("date", "May")]},
        steps=[step(call="pay", tools=[("pay", 0.9)], arguments=told)],
    )
    assert verdicts(arguments(answer, answer.steps[0])) == {"bill": OTHER, "date": MISSED}


def test_a_call_that_is_not_made() -> None:
    truth = {"tool": "pay", "arguments": [("bill", "8")]}
    asked = step(arguments={"pay": [value("bill", "8")]}, tools=[("pay", 0.9)])
    other = step(arguments={"book": [value("city", "Rome")]}, tools=[("book", 0.9)])
    answer = prediction(truth=truth, steps=[asked, other])
    assert verdicts(arguments(answer, asked)) == {"bill": RIGHT}
    assert verdicts(arguments(answer, other)) == {"bill": None}


def test_a_call_that_is_not_due_is_told_without_verdicts() -> None:
    told = {"pay": [value("bill", "8"), value("date", "", presence=0.0)]}
    wrong = step(call="pay", tools=[("pay", 0.9)], arguments=told)
    answer = prediction(truth={}, steps=[wrong])
    rows = arguments(answer, wrong)
    assert [(row.name, row.predicted, row.verdict) for row in rows] == [("bill", "8", None)]


def test_without_a_truth_nothing_is_judged() -> None:
    only = step(call="pay", tools=[("pay", 0.9)], slots=[value("phone", "0912")])
    answer = prediction(truth=None, steps=[only])
    rows = [*decision(answer, only), *slots(answer, only)]
    assert {row.verdict for row in rows} == {None}


def test_places_are_of_what_is_due_said_and_unseen() -> None:
    told = {
        "pay": [value("bill", "7", span=(2, 0, 1)), value("x", "8", presence=0.2, span=(2, 4, 5))],
        "book": [value("city", "Rome", span=(2, 7, 9))],
    }
    told["pay"].append(value("day", "", presence=0.9, span=(2, 9, 12)))  # no valid value
    slot_values = [value("phone", "0", span=(0, 1, 2)), value("choice", "price")]
    calls = step(call="pay", tools=[("pay", 0.9)], arguments=told, slots=slot_values)
    answers = step(tools=[("pay", 0.9)], arguments=told)
    answer = prediction(
        truth={"slots": [("phone", "1", (0, 5, 6), (1, 5, 6))]},
        steps=[calls, answers],
        unseen=[Place(0, 0, 3)],
    )
    true = [Mark(0, 5, 6, TRUE), Mark(1, 5, 6, TRUE)]
    unseen = [Mark(0, 0, 3, UNSEEN)]
    said = [Mark(0, 1, 2, PREDICTED), Mark(2, 0, 1, PREDICTED)]
    assert list(marks(answer, calls)) == [*true, *said, *unseen]
    assert list(marks(answer, answers)) == [*true, *unseen]


def test_the_true_tool_is_among_the_leading_ones() -> None:
    tools = [("a", 0.5), ("b", 0.3), ("c", 0.15), ("d", 0.05)]
    first, second = step(tools=tools), step(tools=tools[::-1])
    answer = prediction(truth={"tool": "d"}, steps=[first, second])
    assert leading_tools(answer, first, 3) == ["a", "b", "d"]
    assert leading_tools(answer, second, 3) == ["d", "c", "b"]
    assert tool_probabilities(answer, "b") == [0.3, 0.3]
    foreign = prediction(truth={"tool": "not known"}, steps=[first])
    assert leading_tools(foreign, first, 2) == ["a", "b"]


def test_what_a_call_lacks_is_told_with_what_it_takes_off() -> None:
    assert missing(step()) == ""
    assert missing(step(missing={"city": 4.26, "date": 1.0})) == "city −4.3, date −1.0"
