"""Quick reading: the fields of a JSON line, by a reader that is fast and explains nothing.

msgspec reads JSON several times as fast as Python's own reader, but says little about what is
wrong. So it reads the lines that are right; `samples.py` reads the others again, to explain them.
"""

from __future__ import annotations

from typing import Any

import msgspec

NOT_READ = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

_split = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode = msgspec.json.Decoder().decode


def read_fields(raw: bytes, as_bytes: str) -> dict[str, Any] | None:
    """The fields of a JSON object. The value of the field ``as_bytes`` is left as its bytes.

    None if the line is not plainly a JSON object; only Python's own reader can tell then.
    """
    try:
        return {
            name: bytes(value) if name == as_bytes else _decode(value)
            for name, value in _split(raw).items()
        }
    except NOT_READ:
        return None


def read_items(raw: bytes) -> list[bytes]:
    """The JSON text of each item of a JSON list. Raises one of ``NOT_READ``."""
    return [bytes(each) for each in _items(raw)]


def read_value(raw: bytes) -> Any:
    """The value of a JSON text. Raises one of ``NOT_READ``."""
    return _decode(raw)
