"""Arrays on disk: written once, memory-mapped afterwards, safe when two processes build at once.

Each folder of the cache has a seal: the sizes and checksums of its files. A folder that does not
match its seal is rebuilt.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import stat
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from filelock import FileLock
from platformdirs import user_cache_dir

from trm_engine.errors import DataError, no_such_file
from trm_engine.files.private import private_files

META = "arrays.json"
SEAL = "seal.json"
CHUNK = 1 << 20

LOG = logging.getLogger(__name__)


def default_cache_dir() -> Path:
    """The user's cache folder for token caches."""
    return Path(user_cache_dir("trm-tui"))


class ArrayWriter:
    """Appends rows to named arrays in a folder, in constant memory."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, BinaryIO] = {}
        self._meta: dict[str, dict[str, object]] = {}
        self._rows: dict[str, int] = {}

    def __enter__(self) -> ArrayWriter:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        for file in self._files.values():
            file.close()
        if error is None:
            arrays = {name: {**meta, "rows": self._rows[name]} for name, meta in self._meta.items()}
            (self._folder / META).write_text(json.dumps(arrays), encoding="utf-8")

    def append(self, name: str, rows: np.ndarray) -> None:
        """Append ``rows`` [n, ...]. The first rows decide dtype and width."""
        if name not in self._files:
            self._files[name] = open(self._folder / f"{name}.bin", "wb")  # noqa: SIM115
            self._meta[name] = {"dtype": rows.dtype.str, "width": list(rows.shape[1:])}
            self._rows[name] = 0
        self._files[name].write(np.ascontiguousarray(rows, dtype=self._meta[name]["dtype"]).data)  # type: ignore[call-overload]
        self._rows[name] += len(rows)

    def rows(self, name: str) -> int:
        """The number of rows of an array so far."""
        return self._rows.get(name, 0)


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


@private_files()
def build_once(folder: Path, build: Callable[[Path], None]) -> bool:
    """Call ``build`` to fill ``folder``, unless it exists and matches its seal.

    The folder appears atomically. Other processes wait meanwhile. Returns whether it was built.
    Rebuilding a damaged folder is logged.

    Raises:
        DataError: the cache folder cannot be written, or belongs to another user.
    """
    if is_whole(folder):
        return False
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _refuse_strangers(folder)
        with FileLock(f"{folder}.lock"):
            if is_whole(folder):
                return False
            if folder.exists():
                LOG.warning("%s: damaged or incomplete; it is made again", folder)
            _build_beside(folder, build)
    except OSError as error:
        raise DataError(
            f"{folder.parent}: the token cache cannot be written: {error.strerror}; "
            f"data.cache_dir moves it"
        ) from error
    return True


def is_whole(folder: Path) -> bool:
    """Whether a folder of the cache matches its seal.

    Raises:
        DataError: it belongs to another user.
    """
    if not folder.exists():
        return False
    _refuse_strangers(folder)
    try:
        seal = json.loads((folder / SEAL).read_bytes())
        files = seal["files"]
        if seal != _sealed(folder.name, files) or files.keys() != _file_names(folder):
            return False
        sizes = [(folder / name).stat().st_size == size for name, (size, _) in files.items()]
        checksums = (_checksum(folder / name) == known for name, (_, known) in files.items())
        return all(sizes) and all(checksums)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return False


def _seal(folder: Path, name: str) -> None:
    """Flush a folder to disk and write its seal. It will be renamed to ``name``."""
    files = {each: [_sync(folder / each), _checksum(folder / each)] for each in _file_names(folder)}
    (folder / SEAL).write_text(json.dumps(_sealed(name, files)), encoding="utf-8")
    for place in (folder / SEAL, folder):
        _sync(place)


def _sealed(name: str, files: Any) -> dict[str, Any]:
    """The content of a seal. Its checksum covers the folder's name, so that it fits no other."""
    text = json.dumps([name, files], sort_keys=True)
    return {"files": files, "checksum": zlib.crc32(text.encode())}


def _file_names(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()} - {SEAL}


def _checksum(path: Path) -> int:
    checksum, chunk = 0, bytearray(CHUNK)
    with open(path, "rb") as file:
        while size := file.readinto(chunk):
            checksum = zlib.crc32(memoryview(chunk)[:size], checksum)
    return checksum


def _refuse_strangers(folder: Path) -> None:
    """Raise DataError if the folder or its parent belongs to another user."""
    if not hasattr(os, "geteuid"):
        return
    for place, allowed in ((folder.parent, {0, os.geteuid()}), (folder, {os.geteuid()})):
        try:
            status = place.stat() if place is not folder else place.lstat()
        except FileNotFoundError:
            continue
        if status.st_uid not in allowed or stat.S_ISLNK(status.st_mode):
            raise DataError(
                f"{place}: belongs to another user, so it is not read; data.cache_dir names "
                f"another cache folder"
            )


def _build_beside(folder: Path, build: Callable[[Path], None]) -> None:
    for left in folder.parent.glob(f".{folder.name}-*"):  # left by a killed process
        shutil.rmtree(left, ignore_errors=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    damaged = beside.with_name(f"{beside.name}-damaged")
    try:
        build(beside)
        _seal(beside, folder.name)
        if folder.exists():
            folder.rename(damaged)  # readers keep their open files
        beside.rename(folder)
        _sync(folder.parent)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        shutil.rmtree(damaged, ignore_errors=True)


def _sync(path: Path) -> int:
    """Flush a file or folder to disk. Returns its size."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        return os.fstat(descriptor).st_size
    finally:
        os.close(descriptor)


def content_hash(path: str | Path) -> str:
    """Short hash of a file's bytes.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return short(hashlib.file_digest(file, "sha256"))
    except FileNotFoundError:
        raise DataError(no_such_file(path, "*.jsonl")) from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None


def short(digest: hashlib._Hash) -> str:
    """A digest in the format of ``content_hash``."""
    return digest.hexdigest()[:24]


def code_hash(*modules: str) -> str:
    """Short hash of the code of sibling modules and packages. Changed code invalidates caches."""
    digest = hashlib.sha256()
    for module in modules:
        path = Path(__file__).with_name(module)
        files = sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]
        for file in files:
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def key_of(*parts: object) -> str:
    """One short key from several parts."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:24]
