"""Wrong labels: what a search for label errors has found in the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from trm_engine.data.cache import content_hash
from trm_engine.data.problems.kind import Found, Kind, Table
from trm_engine.data.problems.reading import Reading
from trm_engine.data.values import value_text
from trm_engine.errors import DataError
from trm_engine.label_errors.suspect import (
    RESULT,
    Suspect,
    read_suspects,
    searched_content,
    usual_folder,
)

KIND = Kind(
    name="wrong-labels",
    title="Labels that are probably wrong",
    explanation=(
        "Models that were trained on other conversations of the file confidently disagree with "
        "these labels. The surest come first."
    ),
    repair="Decide on each in the tab Labels, or with data errors --draft and data correct.",
    cost="high",
)


def own_search(file: Reading) -> tuple[Path | None, list[str]]:
    """The finished search of a file in its usual folder, if it has one.

    A search of what the file was before is not shown; the note says so.
    """
    folder = usual_folder(file.path)
    if not (folder / RESULT).is_file():
        return None, []
    try:
        find(file, folder)
    except DataError as error:
        return None, [f"Suspected labels are not shown: {error}"]
    return folder, []


def find(file: Reading, folder: Path) -> Table:
    """The suspects of the search in a folder, as a problem of the file that was searched.

    Raises:
        DataError: there is no finished search, or it is that of another file.
    """
    if searched_content(folder) != content_hash(file.lines):
        raise DataError(f"{folder}: holds the search of another file, or {file.path} has changed")
    rows = {line: row for row, line in enumerate(np.asarray(file.columns["line"]).tolist())}
    found = Found()
    for each in read_suspects(folder / RESULT):
        if each.line in rows:
            found.add(rows[each.line], _note(each), share=each.score)
    return found.table()


def _note(suspect: Suspect) -> str:
    given, predicted = (value_text(each) or "–" for each in (suspect.given, suspect.predicted))
    label = f"{suspect.kind} {suspect.field}".strip()
    return f"{label}: rather {predicted} than {given}"
