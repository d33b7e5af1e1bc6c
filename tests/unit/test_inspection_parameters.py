"""Figures of tensors: what torch reports, chunk by chunk."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from msgspec import to_builtins
from torch import Tensor

from tests.inspected import Listener, finished_run
from trm_engine.checkpoints.file import load_checkpoint, save_atomically
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.errors import UserError
from trm_engine.inspection import parameters
from trm_engine.inspection.files import ModelFiles
from trm_engine.inspection.job import Cancelled
from trm_engine.inspection.parameters import histogram, list_parameters
from trm_engine.models.trm import NOT_TRAINED

NAME = "core.layers.0.attention.qkv.weight"


@pytest.fixture(scope="module")
def path(dataset: TRMToolCallingDataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = finished_run(tmp_path_factory.mktemp("runs") / "run", dataset)
    return run.path / "checkpoints" / "best.pt"


@pytest.fixture(params=[1 << 18, 100])
def chunk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tensors are looked at whole, or in many pieces."""
    monkeypatch.setattr(parameters, "CHUNK", request.param)


def listed(path: Path) -> dict[str, dict[str, Any]]:
    found = to_builtins(list_parameters(ModelFiles("cpu"), Listener(), str(path)))
    json.dumps(found)
    return {each["name"]: each for each in found["tensors"]}


def changed(path: Path, target: Path, **tensors: Tensor) -> Path:
    """A copy of a checkpoint with other values in some raw tensors."""
    state = load_checkpoint(path)
    for name, values in tensors.items():
        key = name.replace("__", ".")
        assert state["model_state_dict"][key].shape == values.shape
        state["model_state_dict"][key] = values
    save_atomically(state, target)
    return target


@pytest.mark.usefixtures("chunk")
def test_figures_are_those_that_torch_reports(path: Path) -> None:
    state = load_checkpoint(path)
    raw, average = state["model_state_dict"], state["ema_state_dict"]["shadow"]
    found = listed(path)
    assert list(found) == list(raw)
    for name, tensor in raw.items():
        figures = found[name]
        assert figures["shape"] == list(tensor.shape)
        assert (figures["dtype"], figures["count"]) == ("float32", tensor.numel())
        assert figures["learnt"] == (name not in NOT_TRAINED) == (name in average)
        for values, mine in ((tensor, figures), (average.get(name), figures["ema"])):
            if values is None:
                assert mine is None
                continue
            assert mine["norm"] == pytest.approx(float(values.norm()), rel=1e-5)
            assert mine["mean"] == pytest.approx(float(values.mean()), rel=1e-5, abs=1e-7)
            assert mine["max_abs"] == float(values.abs().max())
            assert mine["nan"] == mine["inf"] == 0
        if name in average:
            distance = float((average[name] - tensor).norm())
            assert figures["ema"]["distance"] == pytest.approx(distance, rel=1e-5)
            relative = distance / float(tensor.norm())
            assert figures["ema"]["relative"] == pytest.approx(relative, rel=1e-5)


@pytest.mark.usefixtures("chunk")
def test_what_is_no_number_is_counted_apart(path: Path, tmp_path: Path) -> None:
    weight = load_checkpoint(path)["model_state_dict"][NAME]
    weight = weight.clone()
    weight[0, :3] = math.nan
    weight[5, 5], weight[6, 6] = math.inf, -math.inf
    spoilt = changed(
        path,
        tmp_path / "spoilt.pt",
        core__layers__0__attention__qkv__weight=weight,
        heads__q__bias=torch.full((1,), math.nan),
        heads__q__weight=torch.zeros(1, 32),
    )
    found = listed(spoilt)
    finite = weight[weight.isfinite()]
    figures = found[NAME]
    assert (figures["nan"], figures["inf"]) == (3, 2)
    assert figures["norm"] == pytest.approx(float(finite.norm()), rel=1e-5)
    assert figures["mean"] == pytest.approx(float(finite.mean()), rel=1e-5, abs=1e-7)
    assert figures["max_abs"] == float(finite.abs().max())
    assert math.isfinite(figures["ema"]["distance"])
    nothing = found["heads.q.bias"]
    assert (nothing["nan"], nothing["norm"], nothing["mean"], nothing["max_abs"]) == (
        1,
        0,
        None,
        None,
    )
    assert found["heads.q.weight"]["ema"]["relative"] is None


def test_a_checkpoint_without_an_average_has_raw_figures_only(path: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare.pt"
    save_atomically({**load_checkpoint(path), "ema_state_dict": None}, bare)
    assert all(each["ema"] is None for each in listed(bare).values())
    with pytest.raises(UserError, match="no ema tensor"):
        histogram(ModelFiles("cpu"), Listener(), str(bare), NAME, which="ema")


def test_figures_can_be_given_up(path: Path) -> None:
    with pytest.raises(Cancelled):
        list_parameters(ModelFiles("cpu"), Listener(checks=3), str(path))


# --- histogram ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("chunk")
@pytest.mark.parametrize("which", ["raw", "ema"])
def test_a_histogram_is_numpys(path: Path, which: str) -> None:
    state = load_checkpoint(path)
    weights = state["model_state_dict"] if which == "raw" else state["ema_state_dict"]["shadow"]
    found = histogram(ModelFiles("cpu"), Listener(), str(path), NAME, bins=20, which=which)
    counts, edges = np.histogram(weights[NAME].double().numpy(), bins=20)
    assert found.edges == pytest.approx(edges.tolist())
    assert sum(found.counts) == found.count == weights[NAME].numel()
    assert np.abs(np.array(found.counts) - counts).sum() <= 2  # a value on an edge


@given(
    values=st.lists(st.floats(width=32), min_size=1, max_size=300),
    bins=st.integers(1, 70),
)
def test_the_counts_of_any_tensor_add_up(values: list[float], bins: int) -> None:
    tensor = torch.tensor(values)
    limits = parameters._range(tensor)
    finite = tensor[tensor.isfinite()]
    if limits is None:
        assert not len(finite)
        return
    assert limits == (float(finite.min()), float(finite.max()))
    edges, counts = parameters._bins(tensor, limits, bins)
    assert sum(counts) == len(finite)
    assert len(edges) == bins + 1
    assert edges[0] <= limits[0] <= limits[1] <= edges[-1]
    assert edges == sorted(edges)


def test_histograms_of_one_value_and_of_none(path: Path, tmp_path: Path) -> None:
    spoilt = changed(
        path,
        tmp_path / "spoilt.pt",
        heads__q__bias=torch.full((1,), math.nan),
        heads__q__weight=torch.full((1, 32), 2.5),
    )
    files = ModelFiles("cpu")
    one = histogram(files, Listener(), str(spoilt), "heads.q.weight", bins=4)
    assert (one.edges, one.counts) == ([2.0, 2.25, 2.5, 2.75, 3.0], [0, 0, 32, 0])
    none = histogram(files, Listener(), str(spoilt), "heads.q.bias")
    assert (none.edges, none.counts, none.nan, none.count) == ([], [], 1, 1)


def test_a_tensor_that_is_not_there_is_named(path: Path) -> None:
    files = ModelFiles("cpu")
    with pytest.raises(UserError, match=r"did you mean 'heads\.q\.bias'"):
        histogram(files, Listener(), str(path), "heads.q.bais")
    with pytest.raises(UserError, match="bins must be 1 to"):
        histogram(files, Listener(), str(path), NAME, bins=0)
