"""Delete a run: the files that training wrote, and nothing else in its folder."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from trm_engine.errors import RunError, in_words
from trm_engine.runs.folder import LEFTOVER, RunFolder, claim

OWN = re.compile(
    r"config\.yaml|(events|commands|validation)\.jsonl|events\.columns|worker\.(log|lock)|about\.json"
    r"|tokenizer\.(model|vocab)|(model|model_ema|best|last|(step|epoch)_\d+)\.pt"
)
"""Names of the files that a run writes."""

CHECKPOINTS = "checkpoints"


def delete_run(folder: RunFolder) -> list[Path]:
    """Delete a run, with the checkpoints in its folder. Returns what is left of the folder.

    Files that training did not write stay, and so do checkpoints in another folder
    (``training.checkpoint_dir``).

    Raises:
        RunError: the run is live, or a file cannot be deleted.
    """
    with claim(folder):
        try:
            for path in _own_files(folder.path):
                path.unlink(missing_ok=True)
        except OSError as error:
            raise RunError(in_words(error)) from None
    for place in (folder.path / CHECKPOINTS, folder.path):
        _remove_if_empty(place)
    return sorted(folder.path.rglob("*")) if folder.path.is_dir() else []


def _own_files(folder: Path) -> Iterator[Path]:
    """The files of a run. config.yaml is the last: until then the run is listed."""
    places = (folder / CHECKPOINTS, folder)
    found = [
        path
        for place in places
        if not place.is_symlink() or place is folder
        for path in place.glob("*")
        if (OWN.fullmatch(path.name) or LEFTOVER.fullmatch(path.name))
        and (path.is_symlink() or path.is_file())
    ]
    config = folder / "config.yaml"
    yield from (path for path in found if path != config)
    yield config


def _remove_if_empty(place: Path) -> None:
    try:
        place.rmdir()
    except OSError:  # not empty, or not there
        return
