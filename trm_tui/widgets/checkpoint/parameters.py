"""ParametersTree: every tensor of a model with statistics, grouped by module."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.content import Content
from textual.message import Message

from trm_engine.printable import one_line
from trm_engine.runs.schema.model_file import ParameterStats
from trm_engine.wording import counted
from trm_tui.keys import PARAMETERS, bindings
from trm_tui.text.figures import NOTHING, bar, clip_middle
from trm_tui.widgets.checkpoint.parameter_tree import (
    Figures,
    Node,
    grow,
    modules_of,
    tensors_of,
    unfolded,
)
from trm_tui.widgets.log.buffer import fold
from trm_tui.widgets.table.columns import Cells, Column, Layout
from trm_tui.widgets.table.rows import CursorRows, Line
from trm_tui.widgets.table.search_pane import SearchRows

FOLDED, OPEN, ALARM = "▸", "▾", "!"
NO_TENSORS, NOT_FOUND = "No tensors yet", "No tensor contains these words"
INDENT = 2
LEAST_NAME, MOST_NAME, MOST_BROKEN = 28, 60, 32

MOST_UNFOLDED = 300
"""If a model has more tensors, all modules are folded at first."""

ORDERS = ("", "by size", "by distance of raw and EMA")
IN_MODEL, BY_SIZE, BY_DISTANCE = range(len(ORDERS))


class ParametersTree(SearchRows):
    """The tensors of a model as a tree or as a sorted list, with search."""

    BINDINGS = bindings(PARAMETERS)

    @dataclass
    class Chosen(Message):
        """The cursor is on another tensor."""

        name: str

    def __init__(self, **options: Any) -> None:
        super().__init__("words of a tensor's name", **options)
        self.border_title = "Parameters"
        self._rows = TensorRows()
        self._tensors: list[ParameterStats] = []

    def compose(self) -> ComposeResult:
        yield self._rows
        yield self.search

    def show(self, tensors: Sequence[ParameterStats]) -> None:
        """Show the ``tensors`` in the engine's answer to ``parameters``."""
        self._tensors = list(tensors)
        self._rows.show(self._tensors)
        if self.words:
            self._rows.narrow(self.words)
        self._show_counts()

    def narrow(self, words: str) -> None:
        """Show only tensors whose name contains the words."""
        self._rows.narrow(words)
        self._show_counts()

    def action_order(self) -> None:
        """Cycle through the orders: as in the model, by size, by distance."""
        self._rows.next_order()
        self._show_counts()

    def action_fold_or_unfold(self) -> None:
        """Fold or unfold the cursor's module."""
        self._rows.toggle()

    def action_fold(self) -> None:
        """Fold the cursor's module, or go to its parent."""
        self._rows.fold()

    def action_unfold(self) -> None:
        """Unfold the cursor's module, or go into it."""
        self._rows.unfold()

    def action_toggle_all(self) -> None:
        """Fold all modules, or unfold them if all are folded."""
        self._rows.toggle_all()

    def _show_counts(self) -> None:
        self.border_subtitle = Content(" · ".join(self._subtitle()))

    def _subtitle(self) -> Iterator[str]:
        shown = list(tensors_of(self._rows.root))
        broken = sum(not node.figures.is_sound for node in shown)
        if broken:
            yield f"{ALARM} {broken:,} with NaN or infinite values"
        of_all = f"{len(shown):,} of " if len(shown) < len(self._tensors) else ""
        if self._tensors:
            yield f"{of_all}{counted(len(self._tensors), 'tensor')}"
        if order := ORDERS[self._rows.order]:
            yield order


class TensorRows(CursorRows):
    """The rows of the tree or of the sorted list."""

    ALLOW_MAXIMIZE = False
    EMPTY = NO_TENSORS
    BINDINGS = []

    def __init__(self) -> None:
        super().__init__()
        self.root = grow([])
        self.order = IN_MODEL
        self._all = self.root
        self._words = ""
        self._folded: set[str] = set()
        self._folded_found: set[str] = set()
        self._shown: list[Node] = []
        self._posted: str | None = None
        self._name_width = LEAST_NAME
        self._broken_width = 0

    def show(self, tensors: Sequence[ParameterStats]) -> None:
        """Show other tensors, folded if there are many."""
        self._all = self.root = grow(tensors)
        is_large = len(tensors) > MOST_UNFOLDED
        self._folded = {each.path for each in modules_of(self.root)} if is_large else set()
        self._words, self._posted = "", None
        self.EMPTY = NO_TENSORS
        self._set_rows(next(tensors_of(self.root), None))

    def narrow(self, words: str) -> None:
        """Show only tensors whose name contains the words, with all modules unfolded."""
        here, self._words = self._here(), words
        self._folded_found.clear()
        self.root = self._all
        if words:
            wanted, tensors = fold(words), (node.tensor for node in tensors_of(self._all))
            self.root = grow(each for each in tensors if each and wanted in fold(each.name))
        self.EMPTY = NOT_FOUND if words else NO_TENSORS
        self._set_rows(here)

    def next_order(self) -> None:
        """Switch to the next of ``ORDERS``."""
        here, self.order = self._here(), (self.order + 1) % len(ORDERS)
        self._set_rows(here)
        if self.order != IN_MODEL:
            self.action_first()

    def toggle(self) -> None:
        """Fold or unfold the module of the cursor."""
        node = self._here()
        if node is not None and node.children:
            self._hidden.symmetric_difference_update([node.path])
            self._set_rows(node)

    def fold(self) -> None:
        """Fold the module of the cursor, or go to its parent."""
        node = self._here()
        if node is None or self.order != IN_MODEL:
            return
        if node.children and node.path not in self._hidden:
            self.toggle()
        elif node.parent is not None and node.parent is not self.root:
            self._go_to(self._shown.index(node.parent))

    def unfold(self) -> None:
        """Unfold the module of the cursor, or go into it."""
        node = self._here()
        if node is None or not node.children:
            return
        if node.path in self._hidden:
            self.toggle()
        else:
            self._go_to(self._cursor + 1)

    def toggle_all(self) -> None:
        """Fold all modules, or unfold them if all are folded."""
        if self.order != IN_MODEL:
            return
        modules = {module.path for module in modules_of(self.root)}
        change = set.difference_update if modules <= self._hidden else set.update
        change(self._hidden, modules)
        self._set_rows(self._here())

    # Rows

    def row_count(self) -> int:
        """One row for every module and tensor that is not in a folded module."""
        return len(self._shown)

    def columns(self) -> Sequence[Column]:
        """Narrow panes keep the name, then count, NaN and infinities, and norm."""
        total = self.root.figures
        count = max(len(f"{total.count:,}"), 6)
        alarm = (
            []
            if total.is_sound
            else [Column("broken", "NaN, Inf", self._broken_width, rank=2, gap=2, left=True)]
        )
        average = [
            Column("ema norm", "EMA norm", 9, rank=8, gap=2),
            Column("distance", "distance", 8, rank=4, gap=2),
        ]
        return [
            Column(
                "name",
                "tensor",
                min(LEAST_NAME, self._name_width),
                most=self._name_width,
                left=True,
            ),
            *alarm,
            Column("shape", "shape", 12, rank=6, most=16, gap=2, left=True),
            Column("dtype", "dtype", 8, rank=10, gap=2, left=True),
            Column("count", "count", count, rank=1, gap=2),
            Column("share", "share", 6, rank=5, gap=2),
            Column("bar", "", 6, rank=11, most=16, left=True),
            Column("norm", "norm", 8, rank=3, gap=2),
            Column("mean", "mean", 9, rank=9, gap=2),
            Column("largest", "largest", 8, rank=7, gap=2),
            *(average if total.distance is not None else []),
        ]

    def cells(self, row: int, layout: Layout) -> Cells:
        """One module or tensor."""
        node = self._shown[row]
        cells = self._figures(node.figures, layout)
        broken = "" if node.figures.is_sound else "poor"
        return {**cells, **_kind(node), "name": (self._label(node, layout["name"]), broken)}

    def head(self, layout: Layout) -> list[Line]:
        """The headings, and the statistics of the whole model."""
        figures = self.root.figures
        name = "found" if self._words else "all"
        if not figures.is_sound:
            name = f"{ALARM} {name}"
        fixed = figures.fixed if figures.is_learnt else 0
        cells = dict(self._figures(figures, layout))
        cells |= {"name": (name, "strong"), "count": (f"{figures.count:,}", "strong")}
        if fixed:
            cells["shape"] = (f"and {fixed:,} fixed", "none")
        return [*super().head(layout), layout.line(cells)]

    def head_height(self) -> int:
        """Two lines."""
        return 2

    def _label(self, node: Node, width: int) -> str:
        alarm = "" if node.figures.is_sound else f"{ALARM} "
        if self.order != IN_MODEL:
            return alarm + clip_middle(one_line(node.path), width - len(alarm))
        mark = " "
        if node.children:
            mark = FOLDED if node.path in self._hidden else OPEN
        before = f"{' ' * (INDENT * node.depth)}{mark} {alarm}"
        return before + clip_middle(one_line(node.label), width - len(before))

    def _figures(self, figures: Figures, layout: Layout) -> Cells:
        total = self._all.figures.count
        share = figures.count / total if total and figures.is_learnt else None
        return {
            "broken": (_broken(figures), "poor"),
            "count": (f"{figures.count:,}", ""),
            "share": (NOTHING if share is None else f"{share:.1%}", ""),
            "bar": (bar(share, layout["bar"]), "curve"),
            "norm": (_value(figures.norm), ""),
            "mean": (_value(figures.mean), ""),
            "largest": (_value(figures.largest), ""),
            "ema norm": (_value(figures.ema_norm), ""),
            "distance": (_percent(figures.relative), ""),
        }

    # The cursor

    def put_cursor(self, row: int) -> None:
        """Go to a row, and post ``Chosen`` if it is a tensor."""
        super().put_cursor(row)
        self._post_chosen()

    def _here(self) -> Node | None:
        return self._shown[self._cursor] if self._shown else None

    def _post_chosen(self) -> None:
        node = self._here()
        if node is not None and node.tensor is not None and node.path != self._posted:
            self._posted = node.path
            self.post_message(ParametersTree.Chosen(node.path))

    # What is shown

    @property
    def _hidden(self) -> set[str]:
        """The paths of the folded modules; a search has its own."""
        return self._folded_found if self._words else self._folded

    def _set_rows(self, here: Node | None) -> None:
        """Update the rows after a change. The cursor stays on ``here`` if possible."""
        if self.order == IN_MODEL:
            self._shown = list(unfolded(self.root, self._hidden))
        else:
            self._shown = sorted(tensors_of(self.root), key=SORT_KEYS[self.order], reverse=True)
        widths = (self._wanted_width(node) for node in self._shown)
        self._name_width = min(max(widths, default=0), MOST_NAME)
        broken = max((len(_broken(node.figures)) for node in self._shown), default=0)
        self._broken_width = max(min(broken, MOST_BROKEN), len("NaN, Inf"))
        self._cursor = self._row_of(here)
        self.invalidate()
        self.show_cursor()
        self._post_chosen()

    def _wanted_width(self, node: Node) -> int:
        alarm = 0 if node.figures.is_sound else len(ALARM) + 1
        if self.order != IN_MODEL:
            return alarm + _cells(node.path)
        return INDENT * (node.depth + 1) + alarm + _cells(node.label)

    def _row_of(self, node: Node | None) -> int:
        """The row of a node or of its nearest visible parent; else 0."""
        rows = {each.path: row for row, each in enumerate(self._shown)}
        while node is not None:
            if node.path in rows:
                return rows[node.path]
            node = node.parent
        return 0


def _cells(name: str) -> int:
    """The width of a name. ASCII names take a fast path, as there may be thousands."""
    is_plain = name.isascii() and name.isprintable()
    return len(name) if is_plain else cell_len(one_line(name))


def _size(node: Node) -> float:
    return node.figures.count


def _distance(node: Node) -> float:
    relative = node.figures.relative
    return -1.0 if relative is None else relative


SORT_KEYS = {BY_SIZE: _size, BY_DISTANCE: _distance}


def _kind(node: Node) -> Cells:
    """Shape and dtype of a tensor, or the number of tensors of a module."""
    if node.tensor is None:
        return {"shape": (f"{counted(node.tensors, 'tensor')}", "none")}
    shape = "×".join(map(str, node.tensor.shape)) or "scalar"
    look = "" if node.tensor.learnt else "none"
    return {
        "shape": (f"{shape}{'' if not look else ' fixed'}", look),
        "dtype": (one_line(node.tensor.dtype), look),
    }


def _broken(figures: Figures) -> str:
    """The counts of NaN and infinite values, raw and averaged; "" if there are none."""
    raw = _counts(figures.nan, figures.inf)
    average = _counts(figures.ema_nan, figures.ema_inf)
    parts = [raw, f"EMA {average}" if average else ""]
    text = " · ".join(filter(None, parts))
    return f"{ALARM} {text}" if text else ""


def _counts(nan: int, inf: int) -> str:
    named = ((nan, "NaN"), (inf, "Inf"))
    return " ".join(f"{count:,} {name}" for count, name in named if count)


def _value(value: float | None) -> str:
    """Three significant digits."""
    return NOTHING if value is None else f"{value:#.3g}".rstrip(".")


def _percent(share: float | None) -> str:
    return NOTHING if share is None else f"{share:.2%}"
