"""ONNX: the graphs of a model, in fp32 or int8, with weights that they share in one file."""

from __future__ import annotations

import json
import logging
import tempfile
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from trm_engine.errors import CheckpointError
from trm_engine.exports.folder import GRAPH_WEIGHTS, NEEDS, OFFER, READ, STEP
from trm_engine.exports.graphs import (
    Catalogue,
    ReadGraph,
    StepGraph,
    kept_of,
    step_inputs,
    step_outputs,
)
from trm_engine.exports.hoisting import hoisted, used_by
from trm_engine.exports.signature import READ_INPUTS, READ_OUTPUTS, START
from trm_engine.exports.tables import with_short_tables
from trm_engine.models.embeddings import SHARED_REGISTERS
from trm_engine.models.layers import NORM_EPS
from trm_engine.models.trm import TRMForToolCalling

OPSET = 18
SMALLEST_SHARED = 1024
"""Bytes of a weight that is put into the shared file."""

ALIGNMENT = 64

LENGTH, KNOWN, TOOLS, ARGS = 9, 2, 5, 4
WORDS, CHOICES, PIECES, SAID_VALUES = 7, 6, 8, 10
"""Sizes of the example that is traced. All differ, so that none is taken for another."""


def write_int8_graphs(folder: Path, model: TRMForToolCalling) -> None:
    """``write_graphs`` with matrices and embeddings in int8."""
    write_graphs(folder, model, int8=True)


def write_graphs(folder: Path, model: TRMForToolCalling, int8: bool = False) -> None:
    """Write read.onnx, offer.onnx, step.onnx and their weights.

    What a step computes of a catalogue alone is in offer.onnx: it is done once.

    Raises:
        CheckpointError: a package is missing.
    """
    try:
        import onnx
    except ModuleNotFoundError as error:
        raise CheckpointError(NEEDS.format(error.name)) from None
    width = model.config.hidden_size
    graphs = {
        READ: _traced(ReadGraph(model), _catalogue(model), READ_INPUTS, READ_OUTPUTS, set(), width),
        STEP: _traced(
            *(StepGraph(model), _question(model), step_inputs(model), step_outputs(model)),
            *({"slots"}, width),
        ),
    }
    graphs[OFFER], graphs[STEP] = hoisted(graphs[STEP], {*Catalogue._fields})
    if int8:
        graphs = {name: _quantised(graph) for name, graph in graphs.items()}
    graphs = {name: with_short_tables(_optimised(graph)) for name, graph in graphs.items()}
    start = {"y": model.y_init.tolist(), "z": model.z_init.tolist(), "kept": kept_of(model)}
    onnx.helper.set_model_props(graphs[STEP], {START: json.dumps(start)})
    weights = bytearray()
    places: dict[bytes, int] = {}
    for name, graph in graphs.items():
        _shorten(graph)
        _share_weights(graph, weights, places)
        onnx.save_model(graph, folder / name)
    (folder / GRAPH_WEIGHTS).write_bytes(weights)


@torch.no_grad()
def _traced(
    graph: nn.Module,
    example: Sequence[Tensor],
    inputs: Sequence[str],
    outputs: Sequence[str],
    fixed: set[str],
    width: int,
) -> Any:
    """A graph as ONNX. All sizes are dynamic but those of vectors and of ``fixed`` inputs."""
    import onnx

    norm = partial(_rms_norm, width)
    made: dict[str, Callable[..., Any]] = {
        "aten::mT": _transposed,
        "aten::rms_norm": norm,
        "aten::scatter_reduce": _largest_scattered,
    }
    for name, operator in made.items():
        torch.onnx.register_custom_op_symbolic(name, operator, OPSET)  # type: ignore[attr-defined]
    axes = {
        name: {place: f"{name}_{place}" for place in range(tensor.dim())}
        for name, tensor in zip(inputs, example, strict=True)
        if name not in fixed
    }
    with tempfile.TemporaryDirectory() as place, warnings.catch_warnings(action="ignore"):
        path = Path(place) / "graph.onnx"
        torch.onnx.export(
            graph.eval(),
            tuple(example),
            path,
            dynamo=False,
            opset_version=OPSET,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes=axes,
        )
        return _without_copies(onnx.load_model(path))


def _without_copies(graph: Any) -> Any:
    """A graph whose shared weights are used by their name: the tracer copies them (Identity)."""
    inner = graph.graph
    weights = {each.name for each in inner.initializer}
    copies: dict[str, str] = {}
    for node in inner.node:
        node.input[:] = [copies.get(name, name) for name in node.input]
        if node.op_type == "Identity" and node.input[0] in weights:
            copies[node.output[0]] = node.input[0]
    left = [node for node in inner.node if node.output[0] not in copies]
    del inner.node[:]
    inner.node.extend(left)
    return graph


def _transposed(graph: Any, tensor: Any) -> Any:
    order = [*range(tensor.type().dim())]
    return graph.op("Transpose", tensor, perm_i=[*order[:-2], order[-1], order[-2]])


def _largest_scattered(graph: Any, into: Any, _: Any, places: Any, values: Any, *__: Any) -> Any:
    """Of vectors, by their maximum; torch's own form has branches for numbers."""
    return graph.op("ScatterElements", into, places, values, axis_i=0, reduction_s="max")


def _rms_norm(width: int, graph: Any, tensor: Any, *_: Any) -> Any:
    """In the form that onnxruntime knows as one operator."""
    square = graph.op("Pow", tensor, graph.op("Constant", value_t=torch.tensor(2.0)))
    last = graph.op("Constant", value_t=torch.tensor([-1]))
    mean = graph.op("ReduceMean", square, last, keepdims_i=1)
    least = graph.op("Constant", value_t=torch.tensor(NORM_EPS))
    root = graph.op("Sqrt", graph.op("Add", mean, least))
    scale = graph.op("Constant", value_t=torch.ones(width))
    return graph.op("Mul", graph.op("Div", tensor, root), scale)


def _catalogue(model: TRMForToolCalling) -> tuple[Tensor, ...]:
    """An example of READ_INPUTS: token ids, their parts, kinds and types of entries, values."""
    entries, fields = TOOLS + model.config.num_slots + ARGS, model.config.num_slots + ARGS
    ids = torch.arange(entries * WORDS).reshape(entries, WORDS) % model.config.vocab_size
    values = torch.arange(fields * CHOICES * PIECES).reshape(fields, CHOICES, PIECES)
    kinds = torch.arange(entries) % 3
    return ids, 1 + ids % 2, kinds, kinds.clone(), values % model.config.vocab_size


def _question(model: TRMForToolCalling) -> tuple[Tensor, ...]:
    """An example of ``step_inputs``, see there."""
    width, slots = model.config.hidden_size, model.config.num_slots
    ids, turns = torch.arange(LENGTH), torch.arange(LENGTH) // KNOWN
    accepted = torch.ones(TOOLS, ARGS, dtype=torch.bool)
    fields = slots + ARGS
    rows = LENGTH - KNOWN + SHARED_REGISTERS + slots + TOOLS
    said = [torch.arange(SAID_VALUES) % size for size in (fields, CHOICES, LENGTH, LENGTH)]
    return (
        torch.stack((ids, ids % 4, ids % 8, turns)),
        *(torch.randn(size, width) for size in (TOOLS, slots, ARGS)),
        torch.randn(TOOLS, WORDS, width),
        torch.ones(TOOLS, WORDS, dtype=torch.bool),
        torch.arange((TOOLS + fields) * PIECES).reshape(-1, PIECES) % model.config.vocab_size,
        torch.randn(fields, CHOICES, 3, width),
        torch.ones(fields, CHOICES, dtype=torch.bool),
        *(accepted, accepted.clone(), torch.arange(ARGS) % max(slots, 1)),
        torch.ones(1, TOOLS, dtype=torch.bool),
        torch.stack(said),
        *(torch.randn(KNOWN, width) for _ in range(kept_of(model))),
        *(torch.randn(rows, width) for _ in range(2)),
    )


def _quantised(graph: Any) -> Any:
    """A graph whose matrices and embeddings are int8; inputs are quantised as they come."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    vectors = {each.name for each in graph.graph.initializer if len(each.dims) < 2}
    kept = [each.name for each in graph.graph.node if vectors & {*each.input}]
    logger = logging.getLogger()
    before, logger.level = logger.level, logging.ERROR  # it warns of what is quantised all the same
    try:
        with tempfile.TemporaryDirectory() as place:
            path = Path(place) / "int8.onnx"
            quantize_dynamic(
                *(graph, path),
                weight_type=QuantType.QInt8,
                per_channel=True,
                reduce_range=True,  # 8 bits overflow on processors without VNNI instructions
                nodes_to_exclude=kept,  # onnxruntime multiplies by int8 matrices only
            )
            found = onnx.load_model(path)
    finally:
        logger.level = before
    used = {name for node in found.graph.node for name in used_by(node)}
    weights = [each for each in found.graph.initializer if each.name in used]
    del found.graph.initializer[:]
    found.graph.initializer.extend(weights)
    return found


def _optimised(graph: Any) -> Any:
    """A graph as onnxruntime would make it when it loads it, which takes most of the loading.

    What only some processors have, such as layouts of convolutions, is left to the loading.
    """
    import onnx
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.log_severity_level = 3
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "optimised.onnx"
        options.optimized_model_filepath = str(path)
        providers = ["CPUExecutionProvider"]
        onnxruntime.InferenceSession(graph.SerializeToString(), options, providers=providers)
        return onnx.load_model(path)


def _shorten(graph: Any) -> None:
    """Give the tensors within a graph short names: half of its bytes are names."""
    inner = graph.graph
    fixed = {each.name for each in (*inner.input, *inner.output)}
    for node in inner.node:
        if any(each.HasField("g") for each in node.attribute):
            fixed |= {*used_by(node)}  # also the names within its branches
    names: dict[str, str] = {"": ""}

    def short(name: str) -> str:
        return name if name in fixed else names.setdefault(name, f"_{len(names)}")

    for node in inner.node:
        node.name = ""
        node.input[:] = map(short, node.input)
        node.output[:] = map(short, node.output)
    for weight in inner.initializer:
        weight.name = short(weight.name)
    del inner.value_info[:]


def _share_weights(graph: Any, weights: bytearray, places: dict[bytes, int]) -> None:
    """Move large weights into ``weights``, equal ones once; ``places`` has their offsets."""
    from onnx import TensorProto
    from onnx.external_data_helper import set_external_data

    for tensor in graph.graph.initializer:
        content = bytes(tensor.raw_data)
        if len(content) < SMALLEST_SHARED:
            continue
        if content not in places:
            weights.extend(bytes(-len(weights) % ALIGNMENT))
            places[content] = len(weights)
            weights.extend(content)
        set_external_data(tensor, GRAPH_WEIGHTS, places[content], len(content))
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
