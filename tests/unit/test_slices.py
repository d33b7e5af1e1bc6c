"""Slices of a sweep."""

from __future__ import annotations

from trm_engine.sweeps.plan import Space
from trm_tui.store.slices import Slice, slice_of


def test_a_slice_rises_along_its_setting() -> None:
    numbers = slice_of("width", Space(low=8, high=64), [(32, 0.5), (8, 0.7), (None, 0.1)])
    assert numbers == Slice("width", [8.0, 32.0], [0.7, 0.5])
    rates = slice_of("lr", Space(low=1e-4, high=1.0, log=True), [(0.1, 0.5), (0.01, 0.7)])
    assert rates == Slice("log10 lr", [-2.0, -1.0], [0.7, 0.5])
    sizes = slice_of("batch", Space(choices=[16, 8]), [(16, 0.5), (8, 0.7)])
    assert sizes == Slice("batch", [8.0, 16.0], [0.7, 0.5])
    words = slice_of("rule", Space(choices=["b", "a"]), [("a", 0.5), ("b", 0.7), ("c", 0.1)])
    assert words == Slice("rule (0 b, 1 a)", [0.0, 1.0], [0.7, 0.5])
