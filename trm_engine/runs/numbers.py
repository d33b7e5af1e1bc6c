"""Decode JSON arrays of numbers into numpy."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, groupby

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


def numbers_of(
    texts: Sequence[bytes | msgspec.Raw | np.ndarray | None], rows: Sequence[int]
) -> np.ndarray:
    """The numbers of arrays of known length, JSON or decoded; NaN for missing or invalid ones."""
    if len(texts) == 1 and isinstance(texts[0], np.ndarray):
        return texts[0]
    if np.ndarray in set(map(type, texts)):
        return _mixed(texts, rows)
    given = [text for text in texts if text is not None and not isinstance(text, np.ndarray)]
    if not given:
        return np.full(sum(rows), np.nan)
    try:
        numbers = decode_numbers(given)
    except ValueError:
        numbers = np.empty(0)
    if len(given) == len(texts) and len(numbers) == sum(rows):
        return numbers
    if len(texts) == 1:
        return np.full(rows[0], np.nan)
    each = zip(texts, rows, strict=True)
    return np.concatenate([numbers_of([text], [count]) for text, count in each])


def _mixed(
    texts: Sequence[bytes | msgspec.Raw | np.ndarray | None], rows: Sequence[int]
) -> np.ndarray:
    """Decode what lies between the decoded arrays together."""
    parts: list[np.ndarray] = []
    pairs = zip(texts, rows, strict=True)
    for is_decoded, alike in groupby(pairs, lambda pair: isinstance(pair[0], np.ndarray)):
        some = list(alike)
        if is_decoded:
            parts += [np.asarray(text) for text, _ in some]
        else:
            parts.append(numbers_of([text for text, _ in some], [count for _, count in some]))
    return np.concatenate(parts)


def _decode_any(joined: bytes) -> np.ndarray:
    """Decode arrays that are empty, or have white space, null or strings."""
    try:
        arrays = _decode_arrays(b"[%b]" % joined)
    except msgspec.MsgspecError as error:
        raise ValueError(f"not arrays of numbers: {error}") from None
    numbers = chain.from_iterable(arrays)
    return np.array(["NaN" if each is None else each for each in numbers], np.float64)
