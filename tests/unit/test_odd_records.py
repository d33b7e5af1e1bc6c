"""Odd records: whatever stands in a record, it is read or refused with its place."""

import copy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.format_samples import FULL, PARTLY
from trm_engine.data.fields import ConvertError
from trm_engine.data.formats.detection import FORMATS, Match, format_named
from trm_engine.data.formats.text_calls import with_text_calls

RECORDS = FULL | {name: record for name, (record, _) in PARTLY.items()}
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2),
    st.sampled_from(
        ["", " ", "null", "[]", "{}", "{", "[f(", "<tool_call>", "<tool_call>{", "é\0"]
    ),
    st.just(1e300),
    st.sampled_from([[], {}, [None], [[]], {"a": None}, [{}]]).map(copy.deepcopy),
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Each list or object in a value, with one of its keys."""
    keys = value.keys() if isinstance(value, dict) else range(len(value))
    found = [(value, key) for key in keys]
    inner = [value[key] for key in keys if isinstance(value[key], dict | list)]
    return found + [place for each in inner for place in places(each)]


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_record_with_something_odd_in_it(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(RECORDS)))
    record = copy.deepcopy(RECORDS[name])
    for _ in range(data.draw(st.integers(1, 2))):
        holder, key = data.draw(st.sampled_from(places(record) or [([0], 0)]))
        if isinstance(holder, dict) and data.draw(st.booleans()):
            del holder[key]
        else:
            holder[key] = data.draw(ODD)
    for each in FORMATS:
        each.matches(record)
    try:
        for conversation in format_named(name).read(record, "file, line 1"):
            with_text_calls(conversation)
    except ConvertError as error:
        assert all(problem.startswith("file, line 1") for problem in error.problems)


@given(value=st.recursive(ODD, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
@settings(max_examples=60, deadline=None)
def test_any_value_can_be_matched(value: Any) -> None:
    for each in FORMATS:
        assert each.matches(value) == Match.NO or list(each.read(value, "file, line 1"))
