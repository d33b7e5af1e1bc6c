"""Tables: the rows of Parquet, Arrow and Feather files. A null of a table is no key of a record."""

from __future__ import annotations

import base64
import datetime
import decimal
from collections.abc import Iterator
from typing import Any, BinaryIO

from trm_engine.data.fields import ConvertError
from trm_engine.data.sources.record import Record
from trm_engine.data.sources.storage import Storage

ROWS = 256
"""Number of rows read at once."""


def table_records(file: BinaryIO, name: str, kind: str, storage: Storage) -> Iterator[Record]:
    """The rows of a table.

    Raises:
        ConvertError: pyarrow is not installed, or cannot read the file.
    """
    try:
        import pyarrow
    except ImportError:
        needed = "needs pyarrow: pip install 'trm-tui[data]'"
        raise ConvertError(f"{name}: cannot be read; {kind} {needed}") from None
    number = 0
    try:
        total, batches = _parquet(file) if kind == "Parquet" else _arrow(file)
        for done, batch in enumerate(batches, 1):
            for row in batch.to_pylist(maps_as_pydicts="lossy"):
                number += 1
                yield Record(f"{name}, row {number}", str(number), _plain(row) or {})
            storage.row_share = number / total if total > 0 else done / -total if total else None
    except (pyarrow.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise ConvertError(f"{name}: cannot be read as {kind} ({reason})") from None


def _parquet(file: BinaryIO) -> tuple[int, Iterator[Any]]:
    """The number of rows, and the batches."""
    from pyarrow import parquet

    table = parquet.ParquetFile(file)
    return table.metadata.num_rows, table.iter_batches(ROWS)


def _arrow(file: BinaryIO) -> tuple[int, Iterator[Any]]:
    """The number of batches, negative, and the batches: of a file, a stream, or old Feather."""
    from pyarrow import feather, ipc

    magic = file.read(6)
    file.seek(0)
    if magic.startswith(b"FEA1"):
        batches = feather.read_table(file).to_batches(ROWS)
        return -len(batches), iter(batches)
    if magic == b"ARROW1":
        reader = ipc.open_file(file)
        count = reader.num_record_batches
        return -count, _in_parts(reader.get_batch(place) for place in range(count))
    return 0, _in_parts(ipc.open_stream(file))


def _in_parts(batches: Any) -> Iterator[Any]:
    """Batches of at most ROWS rows."""
    for batch in batches:
        for begin in range(0, len(batch), ROWS):
            yield batch.slice(begin, ROWS)


def _plain(value: Any) -> Any:
    """A value of a table as JSON has it, without keys that are null; None if nothing is left."""
    if isinstance(value, dict):
        parts = {str(key): _plain(each) for key, each in value.items()}
        kept = {key: each for key, each in parts.items() if each is not None}
        return kept if kept or not value else None
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, bytes):
        return _text(value)
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return str(value)
    if isinstance(value, float) and (value != value or abs(value) == float("inf")):
        return None
    return value


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return base64.b64encode(value).decode()
