"""Checkpoint files: self-contained, written whole or not at all, read without running code.

A file is used only after its checksums (``archive``) and its contents (``contents``) are checked.
"""

from __future__ import annotations

import codecs
import errno
import os
import pickle
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from zlib import crc32

import torch
from torch import Tensor

from trm_engine.checkpoints.archive import Part, damaged_part
from trm_engine.checkpoints.contents import (
    check_contents,
    check_finite,
)
from trm_engine.checkpoints.parts import Checkpoint
from trm_engine.checkpoints.values import InvalidContents, check_values, leaves
from trm_engine.errors import CheckpointError, did_you_mean
from trm_engine.exports.folder import is_exported
from trm_engine.exports.weights import read_exported
from trm_engine.files.atomic import atomic_file

FORMAT_VERSION = 12
REQUIRED = (
    "model_state_dict",
    "config",
    "labels",
    "tokenizer",
    "global_step",
    "format_version",
)

Weights = dict[str, Tensor]

START_BYTES = 64
ZIP_START = b"PK\x03\x04"
OLD_START = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
PICKLE, PROTOCOLS = 0x80, (b"\2", b"\3", b"\4", b"\5")

NO_CHECKPOINT = "not a checkpoint of trm-tui"
TRUNCATED = "truncated, or not a checkpoint"
PICKLED = "holds pickled Python objects, which are never loaded (they could run code)"
OLD_FORMAT = (
    "in PyTorch's old format, which has no checksums and could run code; save it again with "
    "torch 1.6 or newer"
)
LONGEST_VERSION = 20


def save_atomically(state: Any, path: Path) -> int:
    """Write a file that is whole or not there (``atomic_file``). Returns its size in bytes.

    Raises:
        OSError: it cannot be written, or its folder is missing.
    """
    try:
        with atomic_file(path) as file:
            torch.save(state, file)
    except RuntimeError as error:  # torch's zip writer hides what the system said
        hidden = _system_error(error)
        if hidden is None:
            raise
        raise OSError(hidden, os.strerror(hidden), str(path)) from error
    return path.stat().st_size


def load_checkpoint(path: str | Path, to_resume: bool = False) -> Checkpoint:
    """Read a checkpoint onto the CPU; with ``to_resume`` it must hold what resuming needs.

    Raises:
        CheckpointError: the file is missing, damaged, too new or no checkpoint, or it holds pickled
            code, which is never run.
    """
    path = Path(path)
    state = load_model_file(path)
    if is_weights(state):
        raise CheckpointError(
            f"{path}: holds weights only, no labels and tokenizer; the run's checkpoints folder "
            f"has self-contained files (best.pt, last.pt)"
        )
    if to_resume:
        with _named(path):
            check_contents(state, to_resume)
            check_finite(state["model_state_dict"])
    return state


def load_model_file(path: str | Path, mmap: bool = False) -> Checkpoint:
    """Read a checkpoint, or weights alone, onto the CPU; ``is_weights`` tells which.

    The weights of an exported model are read as the checkpoint that they were made from.

    With ``mmap`` tensors stay in the file until they are used. Meanwhile the file may be replaced,
    but not changed.

    Raises:
        CheckpointError: as ``load_checkpoint``.
    """
    path = Path(path)
    if is_exported(path):
        state = read_exported(path)
    else:
        _refuse_damaged(path)
        state = _load(path)
    with _named(path):
        check_values(state, path.stat().st_size)
    if not isinstance(state, dict):
        raise CheckpointError(f"{path}: {NO_CHECKPOINT}, but a {type(state).__name__}")
    if not is_weights(state):
        _check(path, state)
    return state if mmap else _copied(state)


def _check(path: Path, state: Checkpoint) -> None:
    missing = [key for key in REQUIRED if key not in state]
    if missing:
        raise CheckpointError(f"{path}: {NO_CHECKPOINT}: '{missing[0]}' is missing")
    version = state["format_version"]
    if type(version) is not int or version != FORMAT_VERSION:
        raise CheckpointError(
            f"{path}: written by another trm-tui (format {str(version)[:LONGEST_VERSION]}, "
            f"this one reads format {FORMAT_VERSION})"
        )
    with _named(path):
        check_contents(state)


def is_weights(state: Checkpoint) -> bool:
    """Whether a file's contents are the weights of a model and nothing else."""
    return bool(state) and all(isinstance(value, torch.Tensor) for value in state.values())


def find_resumable(
    folder: Path, note: Callable[[str], None] = lambda _: None
) -> tuple[Path, Checkpoint]:
    """The whole checkpoint of a folder with the most updates.

    ``note`` is called with a message for each file that is passed over because it cannot be read.

    Raises:
        CheckpointError: there is none.
    """
    found: list[tuple[int, float, Path]] = []
    for path in sorted(folder.glob("*.pt")):
        try:
            found.append((_step(path), path.stat().st_mtime, path))
        except (CheckpointError, OSError) as error:
            note(f"passed over: {error}")
    for _, _, path in sorted(found, reverse=True):
        try:
            return path, load_checkpoint(path, to_resume=True)
        except CheckpointError as error:
            note(f"passed over: {error}")
    raise CheckpointError(f"{folder}: no checkpoint to resume from")


def _step(path: Path) -> int:
    """The updates that a checkpoint claims to have; nothing else is checked."""
    start = _read_start(path)
    if not start.startswith(ZIP_START):
        raise CheckpointError(f"{path}: {_foreign(start)}")
    state = _load(path)
    step = state.get("global_step") if isinstance(state, dict) else None
    if type(step) is not int:
        raise CheckpointError(f"{path}: {NO_CHECKPOINT}: 'global_step' is missing")
    return step


def _refuse_damaged(path: Path) -> None:
    """Compare the checksums of all parts."""
    start = _read_start(path)
    if not start.startswith(ZIP_START):
        raise CheckpointError(f"{path}: {_foreign(start)}")
    try:
        part = damaged_part(path)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise CheckpointError(f"{path}: {TRUNCATED} (it begins like one and {error})") from None
    if part:
        what = _tensor_of(path, part) or f"part '{part.name}'"
        others = ", ".join(sorted(each.name for each in path.parent.glob("*.pt") if each != path))
        advice = f" or take another: {others}" if others else ""
        raise CheckpointError(
            f"{path}: damaged: the data of {what} are not those that were written; "
            f"restore the file from a copy{advice}"
        )


def _tensor_of(path: Path, part: Part) -> str | None:
    """The name of the tensor that a part holds: the one whose bytes have the part's checksum.

    If several have, for example if all of them are zeros, it is the one whose place among the
    tensors is nearest to the part's number.
    """
    number = int(part.name.rpartition("/")[2]) if part.name.rpartition("/")[2].isdecimal() else 0
    found: list[tuple[int, str]] = []
    with suppress(CheckpointError, InvalidContents, RuntimeError):
        tensors = [each for each in leaves(_load(path)) if isinstance(each[1], Tensor)]
        starts = sorted({value.untyped_storage().data_ptr() for _, value in tensors})
        for keys, value in tensors:
            place = starts.index(value.untyped_storage().data_ptr())  # tensors are mapped
            if value.untyped_storage().nbytes() != part.size:
                continue
            stored = torch.empty(0, dtype=torch.uint8).set_(value.untyped_storage())
            if crc32(stored.numpy().tobytes()) == part.found:
                name = ".".join(keys[1:]) or keys[0]
                told = f"'{name}'" + (f" ({keys[0]})" if len(keys) > 1 else "")
                found.append((abs(place - number), told))
    return min(found)[1] if found else None


def _load(path: Path) -> Any:
    """The contents of a file. Tensors are mapped: reading parts that are cut off crashes."""
    try:
        with warnings.catch_warnings(action="ignore"):  # of a foreign pickle's protocol
            return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # a foreign file makes torch raise almost anything
        pickled = isinstance(error, pickle.UnpicklingError) and "GLOBAL" in str(error)
        raise CheckpointError(f"{path}: {PICKLED if pickled else TRUNCATED}") from None


def _copied(value: Any) -> Any:
    """Copy tensors into memory; dicts and lists are changed in place."""
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, tuple):
        return tuple(map(_copied, value))
    if isinstance(value, dict | list):
        for key, each in list(value.items() if isinstance(value, dict) else enumerate(value)):
            value[key] = _copied(each)
    return value


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Name the file in an error about its contents."""
    try:
        yield
    except InvalidContents as error:
        raise CheckpointError(f"{path}: {NO_CHECKPOINT}: {error}") from None


def _read_start(path: Path) -> bytes:
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise CheckpointError(f"{path}: not a file")
    try:
        with open(path, "rb") as file:
            return file.read(START_BYTES)
    except FileNotFoundError:
        beside = [str(other) for other in path.parent.glob("*.pt")]
        raise CheckpointError(f"{path}: no such file{did_you_mean(str(path), beside)}") from None
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}") from None


def _foreign(start: bytes) -> str:
    """A guess, from its first bytes, at what a file is that is no archive."""
    if not start:
        return f"{TRUNCATED} (the file is empty)"
    if start.startswith(OLD_START):
        return OLD_FORMAT
    if start[0] == PICKLE and start[1:2] in PROTOCOLS:
        return PICKLED
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)  # its last character may be cut
    except UnicodeDecodeError:
        return TRUNCATED
    return TRUNCATED if b"\0" in start else f"{TRUNCATED} (it is text)"


def _system_error(error: BaseException) -> int | None:
    """The number of the system's error behind a failed write; None if it was no failed write."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError):
            return cause.errno
        cause = cause.__context__
    return errno.ENOSPC if "PytorchStreamWriter" in str(error) else None
