"""Tables of an export: three bytes a number, and the same numbers to two millionths."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from trm_engine.exports.tables import REST, with_short_tables

PLACES = np.array([3, 0, 3], np.int64)


def graph_of(table: np.ndarray, *nodes: Any) -> Any:
    """``found`` are the rows PLACES of a table, or what ``nodes`` make of it."""
    looked_up = helper.make_node("Gather", ["table", "places"], ["found"])
    given = helper.make_tensor_value_info("places", TensorProto.INT64, ["n"])
    result = helper.make_tensor_value_info("found", TensorProto.FLOAT, ["n", "d"])
    weights = [numpy_helper.from_array(table, "table")]
    graph = helper.make_graph([*nodes] or [looked_up], "g", [given], [result], weights)
    opset = [helper.make_opsetid("", 18)]
    return helper.make_model(graph, opset_imports=opset, ir_version=9)


def found_by(graph: Any) -> np.ndarray:
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    found: np.ndarray = session.run(None, {"places": PLACES})[0]
    return found


def test_rows_are_the_same_to_two_millionths() -> None:
    random = np.random.default_rng(0)
    table = (random.normal(size=(50, 128)) * 10.0 ** random.integers(-3, 3, (50, 128))).astype("f4")
    table[3, :2] = 0
    graph = graph_of(table)
    before = graph.ByteSize()
    short = with_short_tables(graph)
    assert short.ByteSize() < 0.8 * before
    onnx.checker.check_model(short)
    np.testing.assert_allclose(found_by(short), table[PLACES], rtol=2 / REST, atol=1e-7)


def test_a_table_that_is_also_multiplied_by_stays_as_it_is() -> None:
    table = np.random.default_rng(0).normal(size=(5, 5)).astype("f4")
    looked_up = helper.make_node("Gather", ["table", "places"], ["rows"])
    graph = graph_of(table, looked_up, helper.make_node("MatMul", ["rows", "table"], ["found"]))
    expected = found_by(graph)
    np.testing.assert_array_equal(found_by(with_short_tables(graph)), expected)
