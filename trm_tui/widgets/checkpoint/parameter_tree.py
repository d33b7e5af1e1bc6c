"""A model's tensors as a tree of modules, with statistics for each module."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from trm_engine.runs.schema.model_file import ParameterStats

MOST_DEPTH = 40
"""The maximum nesting. The rest of a longer name stays in the tensor's label."""


@dataclass(frozen=True)
class Figures:
    """Statistics of one tensor, or of all tensors of a module together.

    If a module has learnt tensors, its statistics leave out the fixed ones, which training never
    changes; ``fixed`` counts their values. ``nan`` and ``inf`` cover all raw tensors, ``ema_nan``
    and ``ema_inf`` all averages. ``averaged`` is the norm of the raw values that have an average;
    it, ``ema_norm`` and ``distance`` are None if there is no average.
    """

    count: int = 0
    finite: int = 0
    is_learnt: bool = False
    fixed: int = 0
    norm: float = 0.0
    mean: float | None = None
    largest: float | None = None
    nan: int = 0
    inf: int = 0
    ema_norm: float | None = None
    distance: float | None = None
    averaged: float | None = None
    ema_nan: int = 0
    ema_inf: int = 0

    @property
    def relative(self) -> float | None:
        """The distance of the average from the raw values, relative to their norm."""
        if self.distance is None or not self.averaged:
            return None
        return self.distance / self.averaged

    @property
    def is_sound(self) -> bool:
        """Whether all values are finite."""
        return not (self.nan or self.inf or self.ema_nan or self.ema_inf)


@dataclass(slots=True)
class Node:
    """A module with its children, or a tensor.

    ``path`` is the full name, ``label`` the part below the parent's path. A module with a single
    child is merged with it.
    """

    path: str
    label: str
    depth: int = 0
    tensor: ParameterStats | None = None
    children: list[Node] = field(default_factory=list)
    parent: Node | None = None
    figures: Figures = Figures()
    tensors: int = 0
    """The number of tensors: 1, or all in the module."""


def grow(tensors: Iterable[ParameterStats]) -> Node:
    """Make the tree of these tensors, in their order. Its root is the whole model."""
    root = Node("", "")
    modules = {"": root}
    for tensor in tensors:
        *around, label = tensor.name.split(".", MOST_DEPTH)
        leaf = Node(tensor.name, label, tensor=tensor, figures=_figures(tensor), tensors=1)
        _module(".".join(around), modules).children.append(leaf)
    _settle(root, -1)
    return root


def tensors_of(node: Node) -> Iterator[Node]:
    """All tensors below a node."""
    for child in node.children:
        if child.tensor is not None:
            yield child
        else:
            yield from tensors_of(child)


def modules_of(node: Node) -> Iterator[Node]:
    """All modules below a node."""
    for child in node.children:
        if child.children:
            yield child
            yield from modules_of(child)


def unfolded(node: Node, folded: Collection[str]) -> Iterator[Node]:
    """All nodes below a node, without the contents of folded modules."""
    for child in node.children:
        yield child
        if child.children and child.path not in folded:
            yield from unfolded(child, folded)


def _module(path: str, modules: dict[str, Node]) -> Node:
    """The module of a path. It and its parents are created if necessary."""
    module = modules.get(path)
    if module is None:
        around, _, label = path.rpartition(".")
        module = modules[path] = Node(path, label)
        _module(around, modules).children.append(module)
    return module


def _settle(node: Node, depth: int) -> None:
    """Merge modules with a single child, then set depths, parents and statistics."""
    node.children = [_without_chain(child) for child in node.children]
    node.depth = depth
    for child in node.children:
        child.parent = node
        _settle(child, depth + 1)
    if node.tensor is None:
        node.figures = _sum([child.figures for child in node.children])
        node.tensors = sum(child.tensors for child in node.children)


def _without_chain(node: Node) -> Node:
    while len(node.children) == 1:
        [child] = node.children
        child.label = f"{node.label}.{child.label}"
        node = child
    return node


def _figures(tensor: ParameterStats) -> Figures:
    ema, count = tensor.ema, tensor.count
    return Figures(
        count=count,
        finite=count - tensor.nan - tensor.inf,
        is_learnt=tensor.learnt,
        fixed=0 if tensor.learnt else count,
        norm=tensor.norm,
        mean=tensor.mean,
        largest=tensor.max_abs,
        nan=tensor.nan,
        inf=tensor.inf,
        ema_norm=ema.norm if ema else None,
        distance=ema.distance if ema else None,
        averaged=tensor.norm if ema else None,
        ema_nan=ema.nan if ema else 0,
        ema_inf=ema.inf if ema else 0,
    )


def _sum(parts: list[Figures]) -> Figures:
    """The statistics of all values together."""
    learnt = [part for part in parts if part.is_learnt]
    counted = learnt or parts
    finite = sum(part.finite for part in counted)
    total = sum(part.finite * (part.mean or 0.0) for part in counted)
    averaged = [part for part in counted if part.distance is not None]
    return Figures(
        count=sum(part.count for part in counted),
        finite=finite,
        is_learnt=bool(learnt),
        fixed=sum(part.fixed for part in parts),
        norm=_norm(part.norm for part in counted),
        mean=total / finite if finite else None,
        largest=max((part.largest for part in counted if part.largest is not None), default=None),
        nan=sum(part.nan for part in parts),
        inf=sum(part.inf for part in parts),
        ema_norm=_norm(part.ema_norm for part in averaged) if averaged else None,
        distance=_norm(part.distance for part in averaged) if averaged else None,
        averaged=_norm(part.averaged for part in averaged) if averaged else None,
        ema_nan=sum(part.ema_nan for part in parts),
        ema_inf=sum(part.ema_inf for part in parts),
    )


def _norm(values: Iterable[float | None]) -> float:
    return math.hypot(*(value for value in values if value is not None))
