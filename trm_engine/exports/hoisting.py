"""Hoisting: what a graph computes from some of its inputs alone, as a graph of its own."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import Any


def hoisted(model: Any, inputs: Set[str]) -> tuple[Any, Any]:
    """Two ONNX models that do what one does: the first needs only ``inputs``.

    Its outputs are inputs of the second, which needs none of ``inputs``. Where those seldom change,
    the first runs seldom.
    """
    import onnx
    from onnx import helper

    model = onnx.shape_inference.infer_shapes(model)
    graph = model.graph
    constant = {each.name for each in graph.initializer}
    known = constant | inputs
    before, after, always = [], [], []
    for node in graph.node:
        used = set(used_by(node))
        if used <= constant:
            constant |= {*node.output}
            always.append(node)
        elif used <= known:
            before.append(node)
        else:
            after.append(node)
            continue
        known |= {*node.output}
    ends = {each.name for each in graph.output}
    needed = ends.union(*(used_by(node) for node in after))
    passed = sorted((known - constant) & needed)
    types = {each.name: each for each in (*graph.input, *graph.value_info, *graph.output)}

    def made(nodes: list[Any], given: list[Any], found: list[Any]) -> Any:
        kept = _needed([*always, *nodes], {each.name for each in found})
        used = {name for node in kept for name in used_by(node)}
        weights = [each for each in graph.initializer if each.name in used]
        part = helper.make_graph(kept, graph.name, given, found, weights)
        return helper.make_model(
            part, opset_imports=model.opset_import, ir_version=model.ir_version
        )

    borders = [types[name] for name in passed]
    others = [each for each in graph.input if each.name not in inputs]
    own = [each for each in graph.input if each.name in inputs]
    return made(before, own, borders), made(after, [*others, *borders], [*graph.output])


def _needed(nodes: list[Any], wanted: set[str]) -> list[Any]:
    """The nodes that give what is wanted, in order."""
    kept = []
    for node in reversed(nodes):
        if wanted & {*node.output}:
            kept.append(node)
            wanted = wanted | {*used_by(node)}
    return kept[::-1]


def used_by(node: Any) -> Iterator[str]:
    """The names of the tensors that a node uses, also within its branches."""
    yield from (name for name in node.input if name)
    for attribute in node.attribute:
        if attribute.HasField("g"):
            for inner in attribute.g.node:
                yield from used_by(inner)
            yield from (each.name for each in attribute.g.output)
