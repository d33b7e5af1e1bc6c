"""Decode JSON arrays of numbers into numpy."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import msgspec
import numpy as np

_decode_floats = msgspec.json.Decoder(list[float]).decode
_decode_arrays = msgspec.json.Decoder(list[list[float | str | None]]).decode


def decode_numbers(texts: Sequence[bytes | msgspec.Raw]) -> np.ndarray:
    """Concatenate JSON arrays of numbers as float64.

    null and "NaN" become NaN, "Infinity" and "-Infinity" become infinities.

    Raises:
        ValueError: a text is not an array of such numbers.
    """
    joined = b",".join(texts)
    try:
        return np.array(_decode_floats(joined.replace(b"],[", b",")), np.float64)
    except msgspec.MsgspecError:
        return _decode_any(joined)


def _decode_any(joined: bytes) -> np.ndarray:
    """Decode arrays that are empty, or have white space, null or strings."""
    try:
        arrays = _decode_arrays(b"[%b]" % joined)
    except msgspec.MsgspecError as error:
        raise ValueError(f"not arrays of numbers: {error}") from None
    numbers = chain.from_iterable(arrays)
    return np.array(["NaN" if each is None else each for each in numbers], np.float64)
