"""ParametersTree and HistogramView: figures of tensors and modules, folding, order, search."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import convert
from msgspec.structs import replace
from textual import on
from textual.pilot import Pilot

from tests.screens.panes import PaneApp, assert_golden
from tests.screens.whole_screen import shown, until
from trm_engine.runs.schema.model_file import ParameterStats, TensorHistogram
from trm_tui.widgets.chart.histogram import HistogramView, columns, lay_out
from trm_tui.widgets.checkpoint.parameter_tree import grow, modules_of, tensors_of, unfolded
from trm_tui.widgets.checkpoint.parameters import ParametersTree
from trm_tui.widgets.table.rows import CursorRows


def tensor(name: str, *shape: int, scale: float = 0.1, **more: Any) -> ParameterStats:
    """A tensor's figures, as the engine gives them; the average is 2 % away."""
    count = math.prod(shape)
    norm = scale * math.sqrt(count)
    figures = {"norm": norm, "mean": scale / 10, "max_abs": 3 * scale, "nan": 0, "inf": 0}
    known = {
        "name": name,
        "shape": list(shape),
        "dtype": "float32",
        "count": count,
        **figures,
        "ema": {**figures, "norm": 0.99 * norm, "distance": 0.02 * norm, "relative": 0.02},
        **more,
    }
    return convert(known, ParameterStats)


TENSORS = [
    tensor("y_init", 64, learnt=False, ema=None),
    tensor("embedding.tokens.weight", 1000, 64),
    tensor("embedding.roles.weight", 5, 64),
    tensor("core.layers.0.attention.qkv", 192, 64),
    tensor("core.layers.0.attention.out", 64, 64, nan=3, inf=1),
    tensor("core.layers.0.mlp.down", 64, 96, scale=0.0001),
    tensor("core.layers.1.attention.qkv", 192, 64, dtype="bfloat16"),
    tensor("heads.[red]bold[/]\x1b[31m.bias", 7),
    tensor("heads.q", scale=4.0),
]
_far = TENSORS[5]
assert _far.ema
TENSORS[5] = replace(_far, ema=replace(_far.ema, relative=0.5, distance=0.5 * _far.norm))


class TreeApp(PaneApp):
    """Keeps which tensors were chosen."""

    @on(ParametersTree.Chosen)
    def keep(self, message: ParametersTree.Chosen) -> None:
        """Keep one."""
        self.heard.append(message.name)


async def filled(pilot: Pilot[None], tensors: list[dict[str, Any]] = TENSORS) -> ParametersTree:
    """The tree with these tensors, its rows focused."""
    tree = pilot.app.query_one(ParametersTree)
    tree.show(tensors)
    tree.query_one(CursorRows).focus()
    await pilot.pause()
    return tree


@pytest.mark.parametrize("size", [(44, 12), (80, 24), (160, 24)])
async def test_as_text(size: tuple[int, int]) -> None:
    async with TreeApp(ParametersTree()).run_test(size=size) as pilot:
        await filled(pilot)
        assert_golden(f"parameters_{size[0]}x{size[1]}", shown(pilot.app))


async def test_modules_fold_and_the_cursor_tells_of_tensors() -> None:
    app = TreeApp(ParametersTree())
    async with app.run_test(size=(80, 24)) as pilot:
        await filled(pilot)
        assert app.heard == ["y_init"]
        await pilot.press("down", "enter")
        assert "tokens.weight" not in shown(app) and "▸ embedding" in shown(app)
        await pilot.press("right", "right")
        assert app.heard == ["y_init", "embedding.tokens.weight"]
        await pilot.press("left", "left")
        assert "▸ embedding" in shown(app) and len(app.heard) == 2
        await pilot.press("a")
        assert "qkv" not in shown(app) and "y_init" in shown(app)
        await pilot.press("a", "G")
        assert "qkv" in shown(app) and app.heard[-1] == "heads.q"


async def test_by_size_and_by_distance_there_are_no_modules() -> None:
    app = TreeApp(ParametersTree())
    async with app.run_test(size=(120, 24)) as pilot:
        tree = await filled(pilot)
        await pilot.press("o")
        names = [line.split()[1] for line in shown(app).splitlines()[3:-2] if len(line.split()) > 3]
        assert names[:2] == ["embedding.tokens.weight", "core.layers.0.attention.qkv"]
        assert names[-1] == "heads.q" and app.heard[-1] == "embedding.tokens.weight"
        await pilot.press("o")
        assert "core.layers.0.mlp.down" in shown(app).splitlines()[3]
        assert "by distance" in str(tree.border_subtitle)
        await pilot.press("left", "right", "enter", "a", "o")
        assert "▾ embedding" in shown(app)


async def test_search_leaves_tensors_with_the_words_in_their_modules() -> None:
    app = TreeApp(ParametersTree())
    async with app.run_test(size=(80, 24)) as pilot:
        tree = await filled(pilot)
        await pilot.press("a", "slash", *"0.ATT")
        assert "qkv" in shown(app) and "embedding" not in shown(app)
        assert "2 of 9 tensors" in str(tree.border_subtitle)
        await pilot.press("down", "enter")
        assert app.heard[-1].startswith("core.layers.0.attention.")
        await pilot.press("slash", *"zzz")
        assert "No tensor contains these words" in shown(app)
        await pilot.press("up", "enter", "o", "escape")
        assert "No tensor" not in shown(app)


async def test_not_a_number_is_said_in_words_and_counted() -> None:
    app = TreeApp(ParametersTree())
    async with app.run_test(size=(80, 24)) as pilot:
        tree = await filled(pilot)
        broken = [line for line in shown(app).splitlines() if "! 3 NaN 1 Inf" in line]
        assert len(broken) == 5  # all, core.layers, 0, attention, out
        assert "! 1 with NaN" in str(tree.border_subtitle)
        tree.show([each for each in TENSORS if not each.nan])
        await pilot.pause()
        assert "NaN" not in shown(app)


@pytest.mark.parametrize("size", [(1, 1), (12, 4)])
async def test_any_size(size: tuple[int, int]) -> None:
    async with TreeApp(ParametersTree()).run_test(size=size) as pilot:
        tree = pilot.app.query_one(ParametersTree)
        await pilot.press("down", "o", "a", "enter")
        await filled(pilot)
        await pilot.press("down", "left", "right", "o", "G", "slash", "x")
        tree.show([])
        await pilot.pause()


names = st.lists(
    st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map(".".join), unique=True
)


@given(names, st.sets(st.sampled_from(["a", "a.b", "b", "c.a"])))
def test_a_tree_holds_every_tensor_once_and_sums_them(paths: list[str], folded: set[str]) -> None:
    tensors = [tensor(path, place + 1) for place, path in enumerate(paths)]
    root = grow(tensors)
    assert sorted(node.path for node in tensors_of(root)) == sorted(paths)
    for module in [root, *modules_of(root)]:
        below = [node.figures for node in tensors_of(module)]
        assert module.figures.count == sum(each.count for each in below)
        assert module.figures.norm == pytest.approx(math.hypot(*(each.norm for each in below)))
        assert module.tensors == len(below) and (module is root or len(below) > 1)
        if below:
            assert module.figures.relative == pytest.approx(0.02)
            assert module.figures.mean == pytest.approx(0.01)
    for node in unfolded(root, folded):
        around = node.parent
        label = node.label
        while around is not None and around is not root:
            assert around.path not in folded
            label, around = f"{around.label}.{label}", around.parent
        assert label == node.path


def test_a_name_of_a_thousand_modules() -> None:
    leaf = next(tensors_of(grow([tensor(".".join("a" * 3000), 2), tensor("b", 1)])))
    assert leaf.path.count("a") == 3000


def test_ten_thousand_tensors() -> None:
    root = grow([tensor(f"core.{n // 100}.block.{n % 100}.weight", 4, 4) for n in range(10_000)])
    assert root.figures.count == 160_000 and len(list(modules_of(root))) == 101


# The histogram -----------------------------------------------------------------------------------


def histogram(counts: list[int], low: float, high: float, **more: Any) -> TensorHistogram:
    """A histogram of bins of equal width."""
    edges = [low + (high - low) * place / max(len(counts), 1) for place in range(len(counts) + 1)]
    values = {"counts": counts, "edges": edges if counts else [], "nan": 0, "inf": 0}
    known = {"name": "core.qkv", "which": "raw", **values, "count": sum(counts), **more}
    return convert(known, TensorHistogram)


HILL = [round(900 * math.exp(-((place - 31.5) ** 2) / 200)) for place in range(64)]
RAW = histogram(HILL, -0.31, 0.29, nan=3, count=sum(HILL) + 3)
EMA = histogram(HILL, -0.25, 0.24, which="ema")


@pytest.mark.parametrize("size", [(100, 14), (44, 22), (44, 10)])
async def test_histogram_as_text(size: tuple[int, int]) -> None:
    async with PaneApp(HistogramView()).run_test(size=size) as pilot:
        pilot.app.query_one(HistogramView).show("core.[red]qkv[/]", RAW, EMA)
        await pilot.pause()
        assert_golden(f"histogram_{size[0]}x{size[1]}", shown(pilot.app))


async def test_histogram_before_there_is_one_and_when_it_is_resized() -> None:
    async with PaneApp(HistogramView()).run_test(size=(60, 12)) as pilot:
        view = pilot.app.query_one(HistogramView)
        assert "No tensor selected" in shown(pilot.app)
        view.show("core.qkv", None)
        await pilot.pause()
        assert "Counting values" in shown(pilot.app)
        view.show("core.qkv", histogram([], 0, 0, nan=8, inf=2, count=10))
        await pilot.pause()
        assert "! 8 NaN 2 Inf" in shown(pilot.app) and "none finite" in shown(pilot.app)
        view.show("core.qkv", RAW, EMA)
        await pilot.resize_terminal(30, 5)
        await until(pilot, lambda: "raw" in shown(pilot.app))
        await pilot.resize_terminal(120, 20)
        await until(pilot, lambda: "EMA" in shown(pilot.app))


@given(st.integers(0, 120), st.integers(0, 40), st.lists(st.integers(0, 10**9), max_size=70))
def test_a_histogram_fills_its_room(width: int, height: int, counts: list[int]) -> None:
    counts = counts if any(counts) else []
    lines = lay_out([histogram(counts, -2.0, 1.0)], width, height)
    assert len(lines) == height
    assert all(sum(len(text) for text, _ in line) <= width for line in lines)


@given(
    st.lists(st.integers(0, 100), min_size=1, max_size=64),
    st.integers(1, 200),
    st.floats(0, 3),
    st.floats(0, 3),
)
def test_no_bin_is_lost_in_columns(
    counts: list[int], count: int, left: float, right: float
) -> None:
    one = histogram(counts, -1.0, 2.0)
    heights = columns(one, -1.0 - left, 2.0 + right, count)
    assert len(heights) == count
    assert max(heights) == max(counts)
    assert set(heights) <= {0, *counts}
    assert {each > 0 for each in columns(one, -1.0, 2.0, len(counts))} == {n > 0 for n in counts}
