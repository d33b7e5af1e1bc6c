"""Export of a chart's full data as a CSV or JSON file."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from trm_engine.files.atomic import write_atomically
from trm_engine.files.jsonl import to_json
from trm_tui.store.growing import AXES, Array
from trm_tui.store.trace import Trace

Table = tuple[list[str], list[np.ma.MaskedArray]]
"""Names, and columns of equal length. Cells without a measurement are masked; NaN is a value."""
Cell = float | int | str | None


def table_of(traces: Sequence[Trace]) -> Table:
    """All values of several curves as a table: the axes, then one column for each curve.

    Values at the same step share a row.
    """
    if not traces:
        return [], []
    places = [trace.along("step") for trace in traces]
    rows, count = _rows(places)
    names = [axis for axis in AXES if any(axis in trace.axes for trace in traces)]
    columns = [np.ma.masked_all(count) for _ in names]
    for trace, mine in zip(traces, rows, strict=True):
        for name, column in zip(names, columns, strict=True):
            if name in trace.axes:
                empty = np.ma.getmaskarray(column)[mine]
                column[mine[empty]] = trace.along(name)[empty]
    for trace, mine in zip(traces, rows, strict=True):
        column = np.ma.masked_all(count)
        column[mine] = trace.values
        names.append(trace.name)
        columns.append(column)
    return names, columns


def write_columns(path: Path, names: Sequence[str], columns: Sequence[np.ndarray]) -> None:
    """Write a table as JSON (a list of objects) if the suffix is .json, else as CSV.

    Masked cells are empty (CSV) or null (JSON). NaN and infinities are "NaN", "Infinity" and
    "-Infinity". The write is atomic.

    Raises:
        OSError: the file cannot be written.
    """
    rows = zip(*map(_cells, columns), strict=True)
    text = _json(names, rows) if path.suffix.lower() == ".json" else _csv(names, rows)
    write_atomically(path, text)


def _rows(places: Sequence[Array]) -> tuple[list[np.ndarray], int]:
    """The row of every value, and the number of rows. Repeated steps of a curve get own rows."""
    steps = np.concatenate([np.empty(0), *places])
    repeats = [np.arange(len(each)) - np.searchsorted(each, each) for each in places]
    repeat = np.concatenate([np.empty(0), *repeats])
    order = np.lexsort((repeat, steps))
    is_new = np.ones(len(steps), dtype=bool)
    is_new[1:] = (np.diff(steps[order]) != 0) | (np.diff(repeat[order]) != 0)
    row = np.empty(len(steps), dtype=np.int64)
    row[order] = np.cumsum(is_new) - 1
    return np.split(row, np.cumsum([len(each) for each in places])[:-1]), int(is_new.sum())


def _cells(column: np.ndarray) -> list[Cell]:
    """The cells of a column. If all numbers are whole, they are integers."""
    masked = np.ma.MaskedArray(column)
    values, absent = masked.data.astype(np.float64), np.ma.getmaskarray(masked)
    is_number = np.isfinite(values) & ~absent
    numbers = np.where(is_number, values, 0)
    with np.errstate(invalid="ignore"):
        whole = numbers.astype(np.int64)
    cells: list[Cell] = (whole if np.array_equal(whole, numbers) else numbers).tolist()
    for index in np.flatnonzero(~is_number).tolist():
        cells[index] = None if absent[index] else _name(values[index])
    return cells


def _name(value: float) -> str:
    """The name of NaN or an infinity, which JSON has no number for."""
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _csv(names: Sequence[str], rows: Iterable[tuple[Cell, ...]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)
    return text.getvalue()


def _json(names: Sequence[str], rows: Iterable[tuple[Cell, ...]]) -> str:
    lines = (to_json(dict(zip(names, row, strict=True))) for row in rows)
    return "[\n" + ",\n".join(lines) + "\n]\n"
