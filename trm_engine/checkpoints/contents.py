"""What a checkpoint may hold: types, ranges and sizes, checked before anything of it is used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor
from torch.optim import Optimizer

from trm_engine.config import TRMConfig
from trm_engine.models.trm import TRMForToolCalling

DEEPEST = 16
MOST_VALUES = 200_000
LONGEST_TEXT = 1 << 20
LARGEST_NUMBER = 2**64
LARGEST_RATE = 1e12
LONGEST_SHOWN = 100

DTYPES = {
    *(torch.float64, torch.float32, torch.float16, torch.bfloat16),
    *(torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool),
}

Path = tuple[str, ...]
Weights = dict[str, Tensor]


class Foreign(ValueError):
    """A checkpoint holds what it must not; the message says where and what."""


class _Part(BaseModel):
    """Keys and types of a part of a checkpoint; further keys may stand beside them."""

    model_config = ConfigDict(strict=True, arbitrary_types_allowed=True, protected_namespaces=())


Count = Annotated[int, Field(ge=0, le=10**12)]
Number = Annotated[float, Field(allow_inf_nan=False)]


class _Average(_Part):
    shadow: Weights


class _Contents(_Part):
    """What every reader of a checkpoint may rely on."""

    model_state_dict: Weights
    global_step: Count
    epoch: Count = 0
    config: dict[str, dict[str, Any]]
    labels: dict[str, Any]
    tokenizer: bytes
    metrics: dict[str, Any] | None = None
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


class _Progress(_Part):
    epoch: Count
    position: Count
    safeguard: _Skipped = _Skipped(skipped=0, in_a_row=0)
    evaluated_at: Annotated[int, Field(ge=-1, le=10**12)]
    elapsed: Annotated[Number, Field(ge=0)]


class _Resumable(_Contents):
    """What training needs besides to go on."""

    ema_state_dict: _ResumableAverage | None = None
    optimizer_state_dict: _Optimizer
    scheduler_state_dict: _Scheduler
    rng_state: dict[str, Tensor]
    data_state: _Progress


def check_values(state: Any, size: int) -> None:
    """Refuse what no checkpoint holds: other types, endless nesting, more tensors than bytes.

    Raises:
        Foreign: ``state``, read from a file of ``size`` bytes, has such a value.
    """
    elements = 0
    for path, value in leaves(state):
        if isinstance(value, Tensor):
            elements += _checked_bytes(path, value)
            if elements > size:
                raise Foreign("its tensors are larger than the file")
        elif problem := _problem(value):
            raise Foreign(f"{_shown(path)}: {problem}")


def check_contents(state: dict[str, Any], to_resume: bool = False) -> None:
    """Refuse a checkpoint whose parts are not what they should be; ``to_resume``: of training too.

    Raises:
        Foreign: the message names the first such part.
    """
    try:
        (_Resumable if to_resume else _Contents).model_validate(state)
    except ValidationError as error:
        raise Foreign(explained(error)) from None


def check_weights(weights: Mapping[str, Tensor], config: TRMConfig) -> None:
    """Refuse weights that are not those of a model of this configuration. None is built for it.

    Raises:
        Foreign: the message names the first such tensor.
    """
    with torch.device("meta"):
        expected = TRMForToolCalling(config).state_dict()
    for name, tensor in expected.items():
        if name not in weights:
            raise Foreign(f"'{name}' is missing from its weights")
        _check_tensor(name, weights[name], tensor)
    for name in weights:
        if name not in expected:
            raise Foreign(f"its weights hold '{name[:LONGEST_SHOWN]}', which the model has not")


def check_average(average: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> None:
    """Refuse an average of other weights. Raises Foreign, which names the tensor."""
    for name, tensor in average.items():
        if name not in weights:
            raise Foreign(f"its average is one of other weights ({name[:LONGEST_SHOWN]})")
        if tensor.shape != weights[name].shape:
            raise Foreign(f"its average is one of other weights ({name}: {_sizes(tensor)})")


def check_training(
    state: dict[str, Any], optimizer: Optimizer, average: Mapping[str, Tensor]
) -> None:
    """Refuse a state of training that is not of this optimizer and ``average`` (none: empty).

    ``state`` has passed ``check_contents`` as one to resume.

    Raises:
        Foreign: the message names the first part that is not.
    """
    saved = (state.get("ema_state_dict") or {}).get("shadow", {})
    if average:
        check_average(saved, average)
    if saved and len(saved) < len(average):
        raise Foreign("ema_state_dict.shadow: some weights are missing")
    given, own = state["optimizer_state_dict"], optimizer.state_dict()
    if len(given["param_groups"]) != len(own["param_groups"]):
        raise Foreign("optimizer_state_dict.param_groups: groups of another optimizer")
    for group, expected in zip(given["param_groups"], own["param_groups"], strict=True):
        _check_group(group, expected)
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    for index, moments in given["state"].items():
        for name, tensor in moments.items():
            if index >= len(weights) or tensor.shape not in (weights[index].shape, ()):
                raise Foreign(f"optimizer_state_dict.state.{index}.{name}: of other weights")
    own_random = torch.get_rng_state()
    random = state["rng_state"].get("cpu", torch.empty(0))
    if random.dtype != own_random.dtype or random.shape != own_random.shape:
        raise Foreign("rng_state.cpu: not the state of a random generator")


def _check_group(group: dict[str, Any], expected: dict[str, Any]) -> None:
    """All of a group must be as configured but the learning rate, which moves."""
    for name in expected.keys() & group.keys():  # another torch has others besides
        given, value = group[name], expected[name]
        moves = name in ("lr", "initial_lr")
        if moves and not (type(given) is float and 0 <= given <= LARGEST_RATE):
            raise Foreign(f"optimizer_state_dict.param_groups: {name} is no learning rate")
        if not moves and (type(given) is not type(value) or given != value):
            raise Foreign(f"optimizer_state_dict.param_groups: {name} is another one")


def check_finite(weights: Mapping[str, Tensor]) -> None:
    """Refuse weights that are not all numbers. Raises Foreign, which names the tensor."""
    for name, tensor in weights.items():
        if wrong := int((~tensor.isfinite()).sum()):
            raise Foreign(
                f"{wrong} of {tensor.numel()} values of '{name}' are NaN or infinite: training "
                f"has diverged; an earlier checkpoint may be good"
            )


def explained(error: ValidationError) -> str:
    """The first problem, on one line."""
    problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = _shown(tuple(map(str, problem["loc"])))
    message = problem["msg"].removeprefix("Value error, ")
    message = f"{message[:1].lower()}{message[1:]}"[: 2 * LONGEST_SHOWN]
    return f"{where}: {message}" if where else message


def leaves(state: Any) -> Iterator[tuple[Path, Any]]:
    """Every value that is neither dict, list nor tuple, with the keys on the way to it.

    Raises:
        Foreign: there is no end of them, or a key is neither text nor a number.
    """
    left: list[tuple[Path, Any]] = [((), state)]
    for _ in range(MOST_VALUES):
        if not left:
            return
        path, value = left.pop()
        if isinstance(value, dict | list | tuple):
            if len(path) == DEEPEST:
                raise Foreign(f"{_shown(path)}: nested too deeply")
            if len(value) + len(left) > MOST_VALUES:
                break
            pairs = value.items() if isinstance(value, dict) else enumerate(value)
            left += [((*path, _key(path, key)), each) for key, each in pairs]
        else:
            yield path, value
    raise Foreign(f"more than {MOST_VALUES} values")


def _key(path: Path, key: Any) -> str:
    if problem := _problem(key) or (None if isinstance(key, str | int) else "another key"):
        raise Foreign(f"{_shown(path)}: a key: {problem}")
    return str(key)


def _problem(value: Any) -> str | None:
    """What is wrong with a plain value; None if it may stand in a checkpoint."""
    if isinstance(value, str):
        if len(value) > LONGEST_TEXT:
            return "too long a text"
        return None if _is_unicode(value) else "not Unicode text"
    if isinstance(value, int):  # and bool
        return "too large a number" if abs(value) > LARGEST_NUMBER else None
    if value is None or isinstance(value, float | bytes):
        return None
    return f"a value of type '{type(value).__name__}'"


def _is_unicode(text: str) -> bool:
    try:
        text.encode("utf-8", "surrogateescape")  # names of files are not always UTF-8
    except UnicodeEncodeError:
        return False
    return True


def _checked_bytes(path: Path, tensor: Tensor) -> int:
    """The bytes of a tensor that is plain: dense, on the CPU, no element in it twice."""
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_nested:
        raise Foreign(f"{_shown(path)}: a tensor that is not dense")
    if tensor.device.type != "cpu":
        raise Foreign(f"{_shown(path)}: a tensor without data")
    if tensor.dtype not in DTYPES:
        kind = str(tensor.dtype).removeprefix("torch.")
        raise Foreign(f"{_shown(path)}: a tensor of type {kind}")
    size = tensor.numel() * tensor.element_size()
    if size > tensor.untyped_storage().nbytes():
        raise Foreign(f"{_shown(path)}: a tensor larger than its data")
    return size


def _check_tensor(name: str, tensor: Tensor, expected: Tensor) -> None:
    if tensor.shape != expected.shape:
        raise Foreign(
            f"'{name}' has shape {_sizes(tensor)}, the configuration's model {_sizes(expected)}"
        )
    if not tensor.is_floating_point():
        raise Foreign(f"'{name}' is of type {str(tensor.dtype).removeprefix('torch.')}")


def _sizes(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "()"


def _shown(path: Path) -> str:
    shown = ".".join(path)
    return shown if len(shown) <= LONGEST_SHOWN else f"{shown[:LONGEST_SHOWN]}..."
