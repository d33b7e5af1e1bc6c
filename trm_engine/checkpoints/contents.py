"""Contents of a checkpoint: keys, types and sizes, checked before any of it is used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.overrides import TorchFunctionMode

from trm_engine.checkpoints.parts import LONGEST_SHOWN, explained
from trm_engine.checkpoints.values import InvalidContents
from trm_engine.config import TRMConfig
from trm_engine.inference.calibration import Calibration
from trm_engine.models.trm import TRMForToolCalling

LARGEST_RATE = 1e12

Weights = dict[str, Tensor]


class _Part(BaseModel):
    """Keys and types of a part of a checkpoint. It may have further keys."""

    model_config = ConfigDict(strict=True, arbitrary_types_allowed=True, protected_namespaces=())


Count = Annotated[int, Field(ge=0, le=10**12)]
Number = Annotated[float, Field(allow_inf_nan=False)]


class _Average(_Part):
    shadow: Weights


class _Contents(_Part):
    """The part that every reader needs."""

    model_state_dict: Weights
    global_step: Count
    epoch: Count = 0
    config: dict[str, dict[str, Any]]
    labels: dict[str, Any]
    tokenizer: bytes
    metrics: dict[str, Any] | None = None
    calibration: Calibration | None = None
    ema_state_dict: _Average | None = None


class _Optimizer(_Part):
    state: dict[int, dict[str, Tensor]]
    param_groups: list[dict[str, Any]]


class _Scheduler(_Part):
    last_epoch: Count
    base_lrs: list[Number]
    last_lr: list[Number] = Field(alias="_last_lr")


class _ResumableAverage(_Average):
    decay: Annotated[float, Field(ge=0, lt=1)]
    updates: Count


class _Skipped(_Part):
    skipped: Count
    in_a_row: Count


class _Trend(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    lowest: Number | None = None
    epoch: Number = 0.0
    training: Number | None = None
    since: Count = 0


class _Progress(_Part):
    epoch: Count
    position: Count
    stale: Count = 0
    trend: _Trend = _Trend()
    safeguard: _Skipped = _Skipped(skipped=0, in_a_row=0)
    evaluated_at: Annotated[int, Field(ge=-1, le=10**12)]
    elapsed: Annotated[Number, Field(ge=0)]


class _Resumable(_Contents):
    """The part that resuming needs."""

    ema_state_dict: _ResumableAverage | None = None
    optimizer_state_dict: _Optimizer
    scheduler_state_dict: _Scheduler
    rng_state: dict[str, Tensor]
    data_state: _Progress


def check_contents(state: dict[str, Any], to_resume: bool = False) -> None:
    """Check the keys and types of a checkpoint; with ``to_resume`` also those of the training.

    Raises:
        InvalidContents: a part is missing or of another type; the message names the first one.
    """
    try:
        (_Resumable if to_resume else _Contents).model_validate(state)
    except ValidationError as error:
        raise InvalidContents(explained(error)) from None


def check_weights(weights: Mapping[str, Tensor], config: TRMConfig) -> None:
    """Check that these are the weights of a model of this configuration, without building it.

    Raises:
        InvalidContents: a tensor differs; the message names the first one.
    """
    with torch.device("meta"), _ShapesOnly():
        expected = TRMForToolCalling(config).state_dict()
    for name, tensor in expected.items():
        if name not in weights:
            raise InvalidContents(f"'{name}' is missing from its weights")
        _check_tensor(name, weights[name], tensor)
    for name in weights:
        if name not in expected:
            raise InvalidContents(
                f"its weights hold '{name[:LONGEST_SHOWN]}', which the model has not"
            )


class _ShapesOnly(TorchFunctionMode):
    """Leaves out what would import the compiler of torch on the meta device, a second of work."""

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = kwargs or {}
        if func is nn.init.normal_:
            return given["tensor"]
        if func is torch.eye:
            return given["out"]
        return args[0] if func in (Tensor.div, Tensor.__truediv__) else func(*args, **given)


def check_average(average: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> None:
    """Check that ``average`` is one of ``weights``. Raises InvalidContents, naming a tensor."""
    for name, tensor in average.items():
        if name not in weights:
            raise InvalidContents(f"its average is one of other weights ({name[:LONGEST_SHOWN]})")
        if tensor.shape != weights[name].shape:
            raise InvalidContents(f"its average is one of other weights ({name}: {_sizes(tensor)})")


def check_training(
    state: dict[str, Any], optimizer: Optimizer, average: Mapping[str, Tensor]
) -> None:
    """Check that a training state fits this optimizer and this ``average``, {} without one.

    ``state`` has passed ``check_contents`` with ``to_resume``.

    Raises:
        InvalidContents: a part does not fit; the message names the first one.
    """
    saved = (state.get("ema_state_dict") or {}).get("shadow", {})
    if average:
        check_average(saved, average)
    if saved and len(saved) < len(average):
        raise InvalidContents("ema_state_dict.shadow: some weights are missing")
    given, own = state["optimizer_state_dict"], optimizer.state_dict()
    if len(given["param_groups"]) != len(own["param_groups"]):
        raise InvalidContents("optimizer_state_dict.param_groups: groups of another optimizer")
    for group, expected in zip(given["param_groups"], own["param_groups"], strict=True):
        _check_group(group, expected)
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    for index, moments in given["state"].items():
        for name, tensor in moments.items():
            if index >= len(weights) or tensor.shape not in (weights[index].shape, ()):
                raise InvalidContents(
                    f"optimizer_state_dict.state.{index}.{name}: of other weights"
                )
    own_random = torch.get_rng_state()
    random = state["rng_state"].get("cpu", torch.empty(0))
    if random.dtype != own_random.dtype or random.shape != own_random.shape:
        raise InvalidContents("rng_state.cpu: not the state of a random generator")


def _check_group(group: dict[str, Any], expected: dict[str, Any]) -> None:
    """Check a parameter group: everything but the learning rate must be as configured."""
    for name in expected.keys() & group.keys():  # another torch has others besides
        given, value = group[name], expected[name]
        moves = name in ("lr", "initial_lr")
        if moves and not (type(given) is float and 0 <= given <= LARGEST_RATE):
            raise InvalidContents(f"optimizer_state_dict.param_groups: {name} is no learning rate")
        if not moves and (type(given) is not type(value) or given != value):
            raise InvalidContents(f"optimizer_state_dict.param_groups: {name} is another one")


def check_finite(weights: Mapping[str, Tensor]) -> None:
    """Check that all weights are numbers. Raises InvalidContents, which names a tensor."""
    for name, tensor in weights.items():
        if wrong := int((~tensor.isfinite()).sum()):
            raise InvalidContents(
                f"{wrong} of {tensor.numel()} values of '{name}' are NaN or infinite: training "
                f"has diverged; an earlier checkpoint may be good"
            )


def _check_tensor(name: str, tensor: Tensor, expected: Tensor) -> None:
    if tensor.shape != expected.shape:
        raise InvalidContents(
            f"'{name}' has shape {_sizes(tensor)}, the configuration's model {_sizes(expected)}"
        )
    if not tensor.is_floating_point():
        raise InvalidContents(f"'{name}' is of type {str(tensor.dtype).removeprefix('torch.')}")


def _sizes(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "()"
