"""Arrays on disk: written once, memory-mapped afterwards, safe when two processes build at once."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import numpy as np
from filelock import FileLock
from platformdirs import user_cache_dir

from trm_engine.errors import DataError, no_such_file

META = "arrays.json"


def default_cache_dir() -> Path:
    """The user's cache folder for token caches."""
    return Path(user_cache_dir("trm-tui"))


class ArrayWriter:
    """Appends rows to named arrays in a folder, in memory that does not grow with them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, BinaryIO] = {}
        self._meta: dict[str, dict[str, object]] = {}
        self._rows: dict[str, int] = {}

    def __enter__(self) -> ArrayWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for file in self._files.values():
            file.close()
        if error is None:
            arrays = {name: {**meta, "rows": self._rows[name]} for name, meta in self._meta.items()}
            (self._folder / META).write_text(json.dumps(arrays), encoding="utf-8")

    def append(self, name: str, rows: np.ndarray) -> None:
        """Add ``rows`` [n, ...]; type and width are those of the first rows added."""
        if name not in self._files:
            self._files[name] = open(self._folder / f"{name}.bin", "wb")  # noqa: SIM115
            self._meta[name] = {"dtype": rows.dtype.str, "width": list(rows.shape[1:])}
            self._rows[name] = 0
        self._files[name].write(np.ascontiguousarray(rows, dtype=self._meta[name]["dtype"]).data)  # type: ignore[call-overload]
        self._rows[name] += len(rows)


def read_arrays(folder: Path) -> dict[str, np.ndarray]:
    """Memory-map the arrays that an ArrayWriter left in ``folder``."""
    arrays: dict[str, np.ndarray] = {}
    for name, meta in json.loads((folder / META).read_text(encoding="utf-8")).items():
        shape = (meta["rows"], *meta["width"])
        if 0 in shape:
            arrays[name] = np.empty(shape, dtype=meta["dtype"])
        else:
            path = folder / f"{name}.bin"
            arrays[name] = np.memmap(path, dtype=meta["dtype"], mode="r", shape=shape)
    return arrays


def build_once(folder: Path, build: Callable[[Path], None]) -> bool:
    """Have ``build`` fill ``folder`` unless it exists; the folder appears whole or not at all.

    Returns whether it was built now. A second process that comes meanwhile waits.

    Raises:
        DataError: the cache folder cannot be written.
    """
    if folder.exists():
        return False
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):
            if folder.exists():
                return False
            _build_beside(folder, build)
    except OSError as error:
        raise DataError(
            f"{folder.parent}: the token cache cannot be written: {error.strerror}; "
            f"data.cache_dir moves it"
        ) from error
    return True


def _build_beside(folder: Path, build: Callable[[Path], None]) -> None:
    for left in folder.parent.glob(f".{folder.name}-*"):  # by a process that was killed
        shutil.rmtree(left, ignore_errors=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        build(beside)
        beside.rename(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def content_hash(path: str | Path) -> str:
    """Short hash of a file's bytes.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:24]
    except FileNotFoundError:
        raise DataError(no_such_file(path, "*.jsonl")) from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None


def code_hash(*modules: str) -> str:
    """Short hash of modules and whole packages beside this one: changed code builds anew."""
    digest = hashlib.sha256()
    for module in modules:
        path = Path(__file__).with_name(module)
        files = sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]
        for file in files:
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def key_of(*parts: object) -> str:
    """One short key of several."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:24]
