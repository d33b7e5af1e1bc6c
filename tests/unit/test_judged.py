"""JudgedSamples: filters, orders, search and comparison agree with doing it one by one."""

from __future__ import annotations

import math
import random
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import convert

from trm_engine.runs.schema.evaluation import JudgedSample
from trm_tui.store.judged import (
    ALL,
    ANSWER,
    CONFIDENT,
    FILE,
    KINDS,
    LOSS,
    OF_ANSWER,
    ONLY_OTHER,
    ONLY_THIS,
    ORDERS,
    PARTS,
    RIGHT,
    UNSURE,
    WRONG,
    JudgedSamples,
)

Record = dict[str, Any]


def record(line: int, wrong: list[str] | None = None, **more: Any) -> Record:
    """A record as an evaluation gives it."""
    return {
        "index": line - 1,
        "line": line,
        "text": f"sample {line}",
        "decision": "tool_call",
        "tool": "check_bill",
        "predicted_decision": "tool_call",
        "predicted_tool": "check_bill",
        "confidence": 0.5,
        "loss": 1.0,
        "wrong": wrong or [],
        **more,
    }


def judged(*records: Record) -> JudgedSamples:
    """Samples of these records."""
    samples = JudgedSamples()
    samples.add(convert(list(records), list[JudgedSample]))
    return samples


NAMES = st.sampled_from([None, "check_bill", "Straße", "find_hotel"])
DECISIONS = st.sampled_from(["tool_call", "direct_answer"])
VERDICTS = st.lists(st.sampled_from(PARTS), unique=True)


@st.composite
def records(draw: st.DrawFn) -> list[Record]:
    """Records of different lines, in any order."""
    lines = draw(st.lists(st.integers(1, 40), unique=True, max_size=12))
    return [
        record(
            line,
            draw(VERDICTS),
            text=draw(st.text("aBcß é\n", max_size=6)),
            decision=draw(DECISIONS),
            tool=draw(NAMES),
            predicted_decision=draw(DECISIONS),
            predicted_tool=draw(NAMES),
            confidence=draw(st.sampled_from([0.1, 0.5, 0.9])),
            loss=draw(st.sampled_from([0.0, 1.5, math.nan, math.inf])),
        )
        for line in lines
    ]


def key(each: Record, order: str) -> tuple[float, int]:
    loss = math.inf if math.isnan(each["loss"]) else each["loss"]
    confidence = each["confidence"]
    value = {LOSS: -loss, CONFIDENT: -confidence, UNSURE: confidence, FILE: 0.0}[order]
    return value, each["line"]


def is_of(each: Record, kind: str) -> bool:
    if kind in PARTS:
        return kind in each["wrong"]
    if kind == ANSWER:
        return any(part in OF_ANSWER for part in each["wrong"])
    return {WRONG: bool(each["wrong"]), RIGHT: not each["wrong"], ALL: True}[kind]


def holds(each: Record, words: str) -> bool:
    tool = each["tool"] if each["decision"] == "tool_call" else None
    predicted = each["predicted_tool"] if each["predicted_decision"] == "tool_call" else None
    places = (each["text"], tool or "", predicted or "")
    return any(words.casefold() in place.casefold() for place in places)


@given(
    records(),
    st.sampled_from(KINDS),
    st.sampled_from(ORDERS),
    st.sampled_from(["", "a", "BC", "SS", "bill", "nowhere"]),
)
def test_a_view_is_what_one_by_one_gives(
    given_records: list[Record], kind: str, order: str, words: str
) -> None:
    samples = JudgedSamples()
    samples.add(convert(given_records[:3], list[JudgedSample]))
    samples.add(convert(given_records[3:], list[JudgedSample]))
    kept = [each for each in given_records if is_of(each, kind) and holds(each, words)]
    expected = [each["line"] for each in sorted(kept, key=lambda each: key(each, order))]
    view = samples.view(kind, order, words)
    assert samples.lines(view) == expected
    assert [samples[index].line for index in view] == expected
    assert samples.counts()[kind] == sum(is_of(each, kind) for each in given_records)


@given(records(), records())
def test_two_models_are_compared_line_by_line(these: list[Record], those: list[Record]) -> None:
    one, other = judged(*these), judged(*those)
    one.compare(other)
    right = {each["line"]: not each["wrong"] for each in these}
    other_right = {each["line"]: not each["wrong"] for each in those}
    common = sorted(right.keys() & other_right.keys())
    only_this = [line for line in common if right[line] and not other_right[line]]
    only_other = [line for line in common if other_right[line] and not right[line]]
    assert one.lines(one.view(ONLY_THIS, FILE)) == only_this
    assert one.lines(one.view(ONLY_OTHER, FILE)) == only_other
    assert one.counts()[ONLY_THIS] == len(only_this)


def test_kinds_of_a_comparison_are_there_only_with_another_model() -> None:
    samples = judged(record(1))
    assert samples.kinds == KINDS and ONLY_THIS not in samples.counts()
    samples.compare(judged())
    assert samples.kinds[-2:] == (ONLY_THIS, ONLY_OTHER)
    assert samples.counts()[ONLY_THIS] == 0
    samples.compare(None)
    assert samples.kinds == KINDS


def test_what_was_due_and_what_was_said() -> None:
    samples = judged(
        record(1, tool=None, decision="direct_answer", predicted_tool="pay"),
        record(2, predicted_decision="direct_answer", predicted_tool="pay"),
        record(3, predicted_tool=None),
    )
    assert (samples[0].truth, samples[0].predicted) == (None, "pay")
    assert (samples[1].truth, samples[1].predicted) == ("check_bill", None)
    assert (samples[2].truth, samples[2].predicted) == ("check_bill", "")
    assert samples.tools == {"check_bill", "pay"}


def test_a_part_that_is_not_known_is_wrong_all_the_same() -> None:
    samples = judged(record(1, ["something new"]), record(2))
    assert samples.lines(samples.view(WRONG)) == [1]
    assert samples.lines(samples.view(RIGHT)) == [2]


def test_no_such_kind_or_order() -> None:
    samples = judged(record(1))
    with pytest.raises(KeyError):
        samples.view("strange")
    with pytest.raises(KeyError):
        samples.view(order="strange")


def test_twenty_thousand_are_filtered_and_sorted_within_a_frame() -> None:
    chance = random.Random(5)
    samples = JudgedSamples()
    records = [
        record(
            line,
            chance.sample(PARTS, chance.randrange(4)),
            text="I would like to book a table, could you find me one? " * 4,
            loss=chance.random(),
            confidence=chance.random(),
        )
        for line in range(1, 20_001)
    ]
    samples.add(convert(records, list[JudgedSample]))
    other = JudgedSamples()
    others = [record(line, ["tool"] * (line % 2)) for line in range(20_000, 0, -1)]
    other.add(convert(others, list[JudgedSample]))
    samples.compare(other)
    fastest = min(_seconds(samples, kind, "me ONE") for kind in (ALL, WRONG) for _ in range(5))
    compared = min(_seconds(samples, ONLY_THIS, "") for _ in range(5))
    assert max(fastest, compared) < 0.04  # some 7 ms; a slow machine is no failure


def _seconds(samples: JudgedSamples, kind: str, words: str) -> float:
    began = time.process_time()
    samples.view(kind, LOSS, words)
    return time.process_time() - began
