"""Checkpoints: one self-contained file, written whole or not at all, read without running code."""

from __future__ import annotations

import codecs
import errno
import os
import pickle
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from trm_engine.data.tokenizer import Limits
from trm_engine.errors import CheckpointError, did_you_mean

FORMAT_VERSION = 7
REQUIRED = (
    "model_state_dict",
    "config",
    "labels",
    "tokenizer",
    "global_step",
    "format_version",
)

Checkpoint = dict[str, Any]
Weights = dict[str, Tensor]

START_BYTES = 64
ZIP_START = b"PK\x03\x04"


def save_atomically(state: Any, path: Path) -> int:
    """Write beside, fsync, rename; a crash or a full disk leaves the old file. Returns its bytes.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    try:
        with open(beside, "wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
        _sync_folder(path.parent)
    except RuntimeError as error:  # torch's zip writer hides what the system said
        hidden = _system_error(error)
        if hidden is None:
            raise
        raise OSError(hidden, os.strerror(hidden), str(path)) from error
    finally:
        beside.unlink(missing_ok=True)
    return path.stat().st_size


def load_checkpoint(path: str | Path) -> Checkpoint:
    """Read a checkpoint onto the CPU.

    Raises:
        CheckpointError: there is none, it is truncated, foreign or too new, or it holds pickled
            code, which is never run.
    """
    state = load_model_file(path)
    if is_weights(state):
        raise CheckpointError(
            f"{path}: holds weights only, no labels and tokenizer; the run's checkpoints folder "
            f"has self-contained files (best.pt, last.pt)"
        )
    return state


def token_limits(config: dict[str, Any]) -> Limits:
    """How a checkpoint's model reads a conversation, from its ``config``.

    Raises:
        KeyError, TypeError, ValueError: the configuration is foreign.
    """
    data = config["data"]
    conversation = int(data["max_length"])
    tool_turn = data.get("max_tool_tokens")  # older checkpoints have no such limit
    return conversation, None if tool_turn is None else int(tool_turn)


def load_model_file(path: str | Path, mmap: bool = False) -> Checkpoint:
    """Read a checkpoint, or weights alone, onto the CPU; ``is_weights`` tells which.

    With ``mmap`` tensors stay in the file until they are used; it must not be written meanwhile,
    only replaced.

    Raises:
        CheckpointError: as ``load_checkpoint``.
    """
    state = _load(Path(path), mmap)
    if not isinstance(state, dict):
        raise CheckpointError(f"{path}: not a checkpoint of trm-tui, but a {type(state).__name__}")
    if is_weights(state):
        return state
    missing = [key for key in REQUIRED if key not in state]
    if missing:
        raise CheckpointError(f"{path}: not a checkpoint of trm-tui: '{missing[0]}' is missing")
    if state["format_version"] != FORMAT_VERSION:
        raise CheckpointError(
            f"{path}: written by another trm-tui (format {state['format_version']}, "
            f"this one reads format {FORMAT_VERSION})"
        )
    return state


def is_weights(state: Checkpoint) -> bool:
    """Whether a file's contents are the weights of a model and nothing else."""
    return bool(state) and all(isinstance(value, torch.Tensor) for value in state.values())


def find_resumable(folder: Path) -> tuple[Path, Checkpoint]:
    """The checkpoint of a folder that is furthest on and whole.

    Raises:
        CheckpointError: there is none.
    """
    found: list[tuple[int, Path, Checkpoint]] = []
    for path in sorted(folder.glob("*.pt"), key=lambda each: each.stat().st_mtime, reverse=True):
        try:
            state = load_checkpoint(path)
        except CheckpointError:
            continue
        found.append((state["global_step"], path, state))
        if path.name == "last.pt" or len(found) >= 3:
            break
    if not found:
        raise CheckpointError(f"{folder}: no checkpoint to resume from")
    _, path, state = max(found, key=lambda each: each[0])
    return path, state


def _load(path: Path, mmap: bool) -> Any:
    start = _read_start(path)
    try:
        with warnings.catch_warnings(action="ignore"):  # of a foreign pickle's protocol
            return torch.load(
                path,
                map_location="cpu",
                weights_only=True,
                mmap=mmap and start.startswith(ZIP_START),
            )
    except Exception as error:  # a damaged file makes torch raise almost anything
        pickled = isinstance(error, pickle.UnpicklingError) and "GLOBAL" in str(error)
        reason = (
            "holds pickled Python objects, which are never loaded (they could run code)"
            if pickled
            else f"truncated, or not a checkpoint{_guess(start)}"
        )
        raise CheckpointError(f"{path}: {reason}") from None


def _read_start(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(START_BYTES)
    except FileNotFoundError:
        beside = [str(other) for other in path.parent.glob("*.pt")]
        raise CheckpointError(f"{path}: no such file{did_you_mean(str(path), beside)}") from None
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}") from None


def _guess(start: bytes) -> str:
    """What a file that is no checkpoint seems to be, by its first bytes."""
    if not start:
        return " (the file is empty)"
    if start.startswith(ZIP_START):
        return " (it begins like one and is cut off or damaged)"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)  # its last character may be cut
    except UnicodeDecodeError:
        return ""
    return "" if b"\0" in start else " (it is text)"


def _system_error(error: BaseException) -> int | None:
    """The number of the system's error behind a failed write; None if it was no failed write."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError):
            return cause.errno
        cause = cause.__context__
    return errno.ENOSPC if "PytorchStreamWriter" in str(error) else None


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
