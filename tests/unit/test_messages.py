"""Messages between processes: what is written is read back, NaN and infinities too."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trm_engine.files.jsonl import from_message, to_message

names = st.sampled_from(["$number", "a", ""])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
)


@given(values)
def test_a_message_is_read_back(value: Any) -> None:
    message = {"value": value, "other": math.inf}
    assert from_message(to_message(message)) == message


def test_what_is_not_a_number_stays_so() -> None:
    assert math.isnan(from_message(to_message({"loss": math.nan}))["loss"])


@pytest.mark.parametrize("value", ["boom", "5", "", None, [1], {"$number": "x"}, 5, 1.5, True])
def test_data_that_looks_like_a_marked_number_is_data(value: Any) -> None:
    """Tool arguments may have any name."""
    message = {"arguments": {"$number": value}}
    assert from_message(to_message(message)) == message


@pytest.mark.parametrize("line", [b"[" * 100_000, b'{"id":' * 50_000, b"\xff", b"1" * 5000, b""])
def test_a_line_that_is_no_message_is_a_value_error(line: bytes) -> None:
    """So that one bad line does not end the thread that reads questions."""
    with pytest.raises(ValueError):
        from_message(line)
