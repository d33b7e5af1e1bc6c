"""About: what the user says of a run: name, tags, note, archived. It is in ``about.json``."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from trm_engine.errors import RunError
from trm_engine.files.atomic import write_atomically
from trm_engine.runs.folder import RunFolder

FILE = "about.json"
LONGEST = 1 << 16
"""Most bytes that are read."""


class About(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the user says of a run. ``name`` replaces the folder's name in lists, unless "".

    ``baseline``: lists show differences from this run.
    """

    name: str = ""
    tags: tuple[str, ...] = ()
    note: str = ""
    archived: bool = False
    baseline: bool = False


def read_about(folder: RunFolder) -> About:
    """What the user said of a run; nothing if the file is missing or damaged."""
    try:
        with open(folder.path / FILE, "rb") as file:
            return msgspec.json.decode(file.read(LONGEST), type=About)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return About()


def change_about(folder: RunFolder, **changes: Any) -> About:
    """Change some fields. Returns all of them.

    Raises:
        RunError: the file cannot be written.
    """
    about = replace(read_about(folder), **changes)
    path = folder.path / FILE
    try:
        write_atomically(path, msgspec.json.format(msgspec.json.encode(about), indent=1) + b"\n")
    except OSError as error:
        raise RunError(f"{path}: cannot be written: {error.strerror}") from None
    return about
