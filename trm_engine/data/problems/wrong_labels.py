"""Wrong labels: what a search for label errors has found in the file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from trm_engine.data.cache import content_hash
from trm_engine.data.problems.kind import Found, Kind, Table
from trm_engine.data.problems.reading import Reading
from trm_engine.data.values import value_text
from trm_engine.errors import DataError, no_such_file
from trm_engine.label_errors.suspect import RESULT, Suspect, read_suspects

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


def find(file: Reading, folder: Path) -> Table:
    """The suspects of the search in a folder, as a problem of the file that was searched.

    Raises:
        DataError: there is no finished search, or it is that of another file.
    """
    try:
        searched = json.loads((folder / "search.json").read_text(encoding="utf-8"))["content"]
    except OSError:
        raise DataError(no_such_file(folder / "search.json", "*.json")) from None
    except (ValueError, KeyError, TypeError):
        raise DataError(f"{folder / 'search.json'}: not the note of a search") from None
    if searched != content_hash(file.lines):
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
