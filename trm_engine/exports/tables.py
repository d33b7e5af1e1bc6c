"""Tables: the embeddings of a graph, in three bytes a number instead of four.

They are two fifths of a model. A number x is stored as h in fp16 and n in int8:

    x = h (1 + n / REST), exact to two millionths of x
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

REST = 1 << 18
"""The error of fp16 is 2^-11 at most: 128 of these."""

SCALE = "rest_scale"


def with_short_tables(graph: Any) -> Any:
    """An ONNX model whose fp32 tables, from which rows are only looked up, are stored so."""
    from onnx import TensorProto, numpy_helper

    inner = graph.graph
    looked_up = {node.input[0] for node in inner.node if node.op_type == "Gather"}
    others = {name for node in inner.node for name in node.input[node.op_type == "Gather" :]}
    tables = [
        each
        for each in inner.initializer
        if each.name in looked_up - others and each.data_type == TensorProto.FLOAT
    ]
    for table in tables:
        parts = zip(_parts(table.name), _split(numpy_helper.to_array(table)), strict=True)
        inner.initializer.remove(table)
        inner.initializer.extend(numpy_helper.from_array(part, name) for name, part in parts)
    inner.initializer.append(numpy_helper.from_array(np.array(1 / REST, np.float32), SCALE))
    names = {each.name for each in tables}
    nodes = [each for node in inner.node for each in _looked_up(node, names)]
    del inner.node[:]
    inner.node.extend(nodes)
    return graph


def _parts(name: str) -> tuple[str, str]:
    return f"{name}_half", f"{name}_rest"


def _split(exact: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """h and n."""
    half = exact.astype(np.float16)
    share = np.divide(exact - half, half, out=np.zeros_like(exact), where=half != 0)
    return half, (share * REST).round().clip(-127, 127).astype(np.int8)


def _looked_up(node: Any, tables: set[str]) -> Iterator[Any]:
    """A node as it is, or what takes the place of a look-up in a table."""
    from onnx import NodeProto, TensorProto, helper

    if node.op_type != "Gather" or node.input[0] not in tables:
        yield node
        return
    found = node.output[0]
    half, rest = _parts(found)
    for table, part in zip(_parts(node.input[0]), (half, rest), strict=True):
        taken = NodeProto()
        taken.CopyFrom(node)
        taken.input[0], taken.output[0] = table, f"{part}_taken"
        yield taken
        yield helper.make_node("Cast", [f"{part}_taken"], [part], to=TensorProto.FLOAT)
    yield helper.make_node("Mul", [rest, SCALE], [f"{rest}_share"])
    yield helper.make_node("Mul", [half, f"{rest}_share"], [f"{rest}_value"])
    yield helper.make_node("Add", [half, f"{rest}_value"], [found])
