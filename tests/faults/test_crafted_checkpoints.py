"""Checkpoints made to mislead: each reader refuses them on one line, before anything is used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.faults.test_damaged_checkpoints import READERS
from tests.inspected import finished_run
from tests.models import TRAINING
from trm_engine.checkpoints.file import load_checkpoint, save_atomically
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.errors import UserError
from trm_engine.inference.predictor import Predictor

State = dict[str, Any]
TOKENS = "embedding.tokens.weight"


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory, dataset: TRMToolCallingDataset) -> State:
    """What a checkpoint holds that nothing is wrong with."""
    run = finished_run(tmp_path_factory.mktemp("crafted") / "run", dataset)
    return {**load_checkpoint(run.path / "checkpoints" / "best.pt"), **TRAINING}


def put(state: State, place: str, value: object) -> State:
    """A copy of a checkpoint in which one value is another; places are written a/b/c."""
    key, _, rest = place.partition("/")
    return {**state, key: put(state.get(key) or {}, rest, value) if rest else value}


def weight(state: State) -> torch.Tensor:
    tensor: torch.Tensor = state["model_state_dict"][TOKENS]
    return tensor


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def multiplied() -> list[Any]:
    value: list[Any] = [1]
    for _ in range(12):
        value = [value] * 10
    return value


def circle() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


NEVER: dict[str, tuple[str, Callable[[State], object]]] = {
    "tokenizer: a path": ("tokenizer", lambda _: "/etc/passwd"),
    "tokenizer: a number": ("tokenizer", lambda _: 7),
    "tokenizer: a tensor": ("tokenizer", lambda _: torch.zeros(3)),
    "config: a list": ("config", lambda _: [1]),
    "config: a tensor": (
        "config/model/hidden_size",
        lambda _: torch.ones(1).expand(9),
    ),
    "config: a section is a number": ("config/model", lambda _: 7),
    "config: nested": ("config/model/x", lambda _: nested(40)),
    "config: multiplied": ("config/model/x", lambda _: multiplied()),
    "config: a circle": ("config/model/x", lambda _: circle()),
    "config: a set": ("config/model/x", lambda _: {1, 2}),
    "config: a complex number": ("config/model/x", lambda _: torch.tensor(1j)),
    "config: a huge number": ("config/model/num_layers", lambda _: 10**5000),
    "config: half a character": ("config/model/x", lambda _: "\ud800"),
    "config: a huge text": ("config/model/x", lambda _: "x" * (1 << 21)),
    "global_step: text": ("global_step", lambda _: "7"),
    "global_step: true": ("global_step", lambda _: True),
    "global_step: negative": ("global_step", lambda _: -1),
    "global_step: a tensor": ("global_step", lambda _: torch.tensor(3)),
    "global_step: NaN": ("global_step", lambda _: float("nan")),
    "epoch: text": ("epoch", lambda _: "x"),
    "metrics: a number": ("metrics", lambda _: 7),
    "metrics: a tensor of 4 TB": ("metrics/x", lambda _: torch.zeros(1).expand(10**12)),
    "calibration: a list": ("calibration", lambda _: [1.0]),
    "calibration: text": ("calibration", lambda _: {"decision": "1"}),
    "calibration: NaN": ("calibration", lambda _: {"decision": float("nan")}),
    "calibration: zero": ("calibration", lambda _: {"tool": 0.0}),
    "calibration: negative": ("calibration", lambda _: {"slots": [-1.0] * 3}),
    "calibration: infinite": ("calibration", lambda _: {"answer": {"bias": float("inf")}}),
    "calibration: a tensor": ("calibration", lambda _: {"q": torch.ones(2)}),
    "calibration: unknown": ("calibration", lambda _: {"quality": 1.0}),
    "calibration: above 1": ("calibration", lambda _: {"abstain_below": 1.5}),
    "calibration: a long text": ("calibration", lambda _: {"fitted_on": "x" * 101}),
    "labels: a list": ("labels", lambda _: []),
    "weights: a list": ("model_state_dict", lambda _: [torch.zeros(3)]),
    "weights: a number": (f"model_state_dict/{TOKENS}", lambda _: 7),
    "weights: stride 0": (
        f"model_state_dict/{TOKENS}",
        lambda state: torch.zeros(1).expand(weight(state).shape),
    ),
    "weights: complex": (f"model_state_dict/{TOKENS}", lambda s: weight(s).to(torch.complex64)),
    "weights: sparse": (f"model_state_dict/{TOKENS}", lambda state: weight(state).to_sparse()),
    "weights: meta": (f"model_state_dict/{TOKENS}", lambda state: weight(state).to("meta")),
    "weights: quantised": (
        f"model_state_dict/{TOKENS}",
        lambda state: torch.quantize_per_tensor(weight(state), 0.1, 0, torch.qint8),
    ),
    "weights: one storage": (
        "model_state_dict",
        lambda state: {**dict.fromkeys(map(str, range(999)), weight(state)), TOKENS: weight(state)},
    ),
    "average: a list": ("ema_state_dict/shadow", lambda _: []),
    "average: of numbers": ("ema_state_dict/shadow/x", lambda _: 1),
    "an extra key: a huge tensor": ("more", lambda _: torch.zeros(1).expand(10**12)),
    "an extra key: nested": ("more", lambda _: nested(50)),
    "format_version: true": ("format_version", lambda _: True),
}
"""Where, and what to put there: no reader goes on."""


@pytest.mark.parametrize("kind", NEVER)
@pytest.mark.filterwarnings("ignore")
def test_no_reader_takes(kind: str, good: State, tmp_path: Path) -> None:
    place, make = NEVER[kind]
    path = tmp_path / "last.pt"
    torch.save(put(good, place, make(good)), path)
    for reader in READERS.values():
        with pytest.raises(UserError) as caught:
            reader(path)
        assert str(path if reader is not READERS["resume"] else tmp_path) in str(caught.value)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < len(str(path)) + 400


PREDICTING: dict[str, tuple[str, Callable[[State], object], str]] = {
    **{
        f"{key} is absurd": (
            f"config/model/{key}",
            lambda _: 10**9,
            f"invalid: {key}: ",
        )
        for key in (
            *("num_layers", "n_latent_recursion", "T_deep_recursion", "N_supervision"),
            *("hidden_size", "max_span_tokens", "num_heads"),
        )
    },
    "max_length is absurd": ("config/data/max_length", lambda _: 10**12, "max_length: expected"),
    "max_length is text": ("config/data/max_length", lambda _: "x", "max_length: expected"),
    "no data": ("config/data", lambda _: {}, "data.max_length is missing"),
    "no model": ("config/model", lambda _: {}, "has shape"),
    "more layers than weights": ("config/model/num_layers", lambda _: 99, "is missing from its"),
    "wider than its weights": ("config/model/hidden_size", lambda _: 4096, "has shape"),
    "all rounds at once": (
        "config/model/N_supervision",
        lambda _: 1000000,
        "N_supervision:",
    ),
    "a tokenizer that is none": ("tokenizer", lambda _: b"none", "not a SentencePiece model"),
    "an empty tokenizer": ("tokenizer", lambda _: b"", ""),
    "a cut tokenizer": ("tokenizer", lambda state: state["tokenizer"][:-900], "tokenizer"),
    "fewer tools": ("labels/tools", lambda state: state["labels"]["tools"][:1], "labels"),
    "a slot twice": (
        "labels/slots",
        lambda state: [*state["labels"]["slots"], state["labels"]["slots"][0]],
        "a name is duplicate",
    ),
    "a weight is NaN": (
        f"model_state_dict/{TOKENS}",
        lambda state: torch.full_like(weight(state), torch.nan),
        f"values of '{TOKENS}' are NaN or infinite",
    ),
    "an averaged weight is infinite": (
        f"ema_state_dict/shadow/{TOKENS}",
        lambda state: weight(state) / 0,
        f"values of '{TOKENS}' are NaN or infinite",
    ),
    "whole numbers as weights": (
        "model_state_dict/heads.q.bias",
        lambda state: state["model_state_dict"]["heads.q.bias"].long(),
        "'heads.q.bias' is of type int64",
    ),
    "weights too many": ("model_state_dict/more", lambda _: torch.zeros(2), "which the model has"),
}
"""Where, what to put there, and what is said: such a file may be looked at, but answers nothing."""


@pytest.mark.parametrize("kind", PREDICTING)
def test_no_prediction_where(kind: str, good: State, tmp_path: Path) -> None:
    place, make, said = PREDICTING[kind]
    path = tmp_path / "last.pt"
    state = put(good, place, make(good))
    if not kind.startswith("an averaged"):
        state["ema_state_dict"] = None
    save_atomically(state, path)
    with pytest.raises(UserError) as caught:
        Predictor.load(path, "cpu")
    assert said in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_weights_that_are_no_numbers_can_be_looked_at(good: State, tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    save_atomically(put(good, f"model_state_dict/{TOKENS}", weight(good) * torch.nan), path)
    READERS["inspect"](path)


RESUMING: dict[str, tuple[str, object]] = {
    "no data state": ("data_state", None),
    "a position that is text": ("data_state/position", "7"),
    "time runs backwards": ("data_state/elapsed", -1.0),
    "time is NaN": ("data_state/elapsed", float("nan")),
    "the optimizer is a list": ("optimizer_state_dict", []),
    "moments are numbers": ("optimizer_state_dict/state", {0: {"step": 1}}),
    "the scheduler is missing": ("scheduler_state_dict", None),
    "the random state is missing": ("rng_state", None),
    "the average has no decay": ("ema_state_dict/decay", "x"),
    "NaN weights": ("model_state_dict/heads.q.bias", torch.tensor([torch.nan])),
}


@pytest.mark.parametrize("kind", RESUMING)
def test_training_does_not_go_on_where(kind: str, good: State, tmp_path: Path) -> None:
    place, value = RESUMING[kind]
    path = tmp_path / "last.pt"
    save_atomically(put(good, place, value), path)
    READERS["load"](path)
    with pytest.raises(UserError, match="no checkpoint to resume from"):
        READERS["resume"](path)
