"""Tools: those that are offered and never called, and those that are called and not offered."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator

from trm_engine.data.problems.kind import Found, Kind, Table
from trm_engine.data.samples import Sample

NEVER_CALLED = Kind(
    name="never-called",
    title="Tools that are never called",
    explanation=(
        "A tool is offered, but no sample calls it. The model learns never to call it, whatever "
        "the user says."
    ),
    repair="Add conversations that need the tool, or take it out of the tools.",
    cost="medium",
)
NOT_OFFERED = Kind(
    name="not-offered",
    title="Tools that are called but not offered",
    explanation=(
        "A conversation calls a tool that its sample does not offer. The model does not read the "
        "tool's description, and at inference it cannot choose the tool."
    ),
    repair="Add the tool to `tools` of these samples (data convert --tools does).",
    cost="medium",
)
MOST_LISTED = 1000
"""Samples that are listed for each tool that is never called: all of them would be millions."""


class NeverCalled:
    """Counts offers and calls of each tool."""

    kind = NEVER_CALLED

    def __init__(self) -> None:
        self._offers: Counter[str] = Counter()
        self._first: dict[str, array[int]] = {}
        self._called: set[str] = set()

    def add(self, row: int, sample: Sample) -> None:
        """Count the tools of one sample."""
        if sample.tool:
            self._called.add(sample.tool.name)
            self._first.pop(sample.tool.name, None)
        for name in dict.fromkeys(sample.tool_names):
            self._offers[name] += 1
            if name not in self._called:
                rows = self._first.setdefault(name, array("q"))
                if len(rows) < MOST_LISTED:
                    rows.append(row)

    def found(self) -> Table:
        """The first samples that offer each such tool, and how many do."""
        found = Found()
        for name, rows in self._first.items():
            note = f"{name} is offered and never called"
            found.count(note, self._offers[name])
            for row in rows:
                found.add(row, note)
        return found.table()


class NotOffered:
    """Compares the calls of each sample, in its history and its answer, with its tools.

    A sample that lists no tools may call any that another sample offers.
    """

    kind = NOT_OFFERED

    def __init__(self) -> None:
        self._offered: set[str] = set()
        self._calls: list[tuple[int, str, bool]] = []
        self._found = Found()
        self._unlisted: dict[str, array[int]] = {}

    def add(self, row: int, sample: Sample) -> None:
        """Look at one sample's calls."""
        own = set(sample.tool_names)
        self._offered |= own
        for name in dict.fromkeys(_called(sample)):
            if not own:
                self._unlisted.setdefault(name, array("q")).append(row)
            elif name not in own:
                self._found.add(row, f"{name} is called, but is not among the sample's tools")

    def found(self) -> Table:
        """All such samples."""
        for name, rows in self._unlisted.items():
            if name not in self._offered:
                for row in rows:
                    self._found.add(row, f"{name} is called, but no sample offers it")
        return self._found.table()


def _called(sample: Sample) -> Iterator[str]:
    for turn in sample.history:
        if turn.role == "tool_call":
            yield turn.content["name"]
    if sample.tool:
        yield sample.tool.name
