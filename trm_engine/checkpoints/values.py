"""Values of a checkpoint: plain numbers, text, bytes and dense tensors, nested not too deeply."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from trm_engine.checkpoints.parts import Path, shown

DEEPEST = 16
MOST_VALUES = 200_000
LONGEST_TEXT = 1 << 20
LARGEST_NUMBER = 2**64

DTYPES = {
    *(torch.float64, torch.float32, torch.float16, torch.bfloat16),
    *(torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool),
}


class InvalidContents(ValueError):
    """A checkpoint does not hold what it should; the message says what is wrong, and where."""


def check_values(state: Any, size: int) -> None:
    """Check that all values are of plain types, nested not too deeply, and no larger than the file.

    Raises:
        InvalidContents: ``state``, read from a file of ``size`` bytes, has another value.
    """
    elements = 0
    for path, value in leaves(state):
        if isinstance(value, Tensor):
            elements += _checked_bytes(path, value)
            if elements > size:
                raise InvalidContents("its tensors are larger than the file")
        elif problem := _problem(value):
            raise InvalidContents(f"{shown(path)}: {problem}")


def leaves(state: Any) -> Iterator[tuple[Path, Any]]:
    """Yield every value that is no dict, list or tuple, with its path of keys.

    Raises:
        InvalidContents: there are too many values, or a key is neither text nor a number.
    """
    left: list[tuple[Path, Any]] = [((), state)]
    for _ in range(MOST_VALUES):
        if not left:
            return
        path, value = left.pop()
        if isinstance(value, dict | list | tuple):
            if len(path) == DEEPEST:
                raise InvalidContents(f"{shown(path)}: nested too deeply")
            if len(value) + len(left) > MOST_VALUES:
                break
            pairs = value.items() if isinstance(value, dict) else enumerate(value)
            left += [((*path, _key(path, key)), each) for key, each in pairs]
        else:
            yield path, value
    raise InvalidContents(f"more than {MOST_VALUES} values")


def _key(path: Path, key: Any) -> str:
    if problem := _problem(key) or (None if isinstance(key, str | int) else "another key"):
        raise InvalidContents(f"{shown(path)}: a key: {problem}")
    return str(key)


def _problem(value: Any) -> str | None:
    """What is wrong with a plain value; None if a checkpoint may hold it."""
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
    """The bytes of a tensor, which must be dense, on the CPU and without shared elements."""
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_nested:
        raise InvalidContents(f"{shown(path)}: a tensor that is not dense")
    if tensor.device.type != "cpu":
        raise InvalidContents(f"{shown(path)}: a tensor without data")
    if tensor.dtype not in DTYPES:
        kind = str(tensor.dtype).removeprefix("torch.")
        raise InvalidContents(f"{shown(path)}: a tensor of type {kind}")
    size = tensor.numel() * tensor.element_size()
    if size > tensor.untyped_storage().nbytes():
        raise InvalidContents(f"{shown(path)}: a tensor larger than its data")
    return size
