"""Catalogue: tools as any interface lists them, as ours; and tools that only calls show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from trm_engine.data.catalogue.inferred import InferredTools, inferred_tool
from trm_engine.data.catalogue.listing import entries
from trm_engine.data.catalogue.plain import Warn
from trm_engine.data.catalogue.tool import read_tool
from trm_engine.data.fields import ConvertError

__all__ = [
    "Catalogue",
    "InferredTools",
    "ToolReader",
    "inferred_tool",
    "read_catalogue",
    "read_tools",
    "read_tools_file",
]

Tools = list[dict[str, Any]]

MOST_KNOWN = 4096
"""Number of tools, and of lists of them, that a reader keeps."""
MOST_WARNINGS = 1000
"""Number of warnings that a reader keeps."""

Read = Callable[[Any, str, str, tuple[Any, ...], Warn], dict[str, Any]]
"""Reads one tool, given its value, file, path, documents for references, and warnings."""


@dataclass
class Catalogue:
    """The tools of a list or file.

    Attributes:
        tools: each ``{"type": "function", "function": {name, description, parameters}}`` with a
            plain schema.
        problems: the tools that could not be read: where they stand, and why.
        warnings: what was left out of the others.
    """

    tools: Tools = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def all_tools(self) -> Tools:
        """The tools, if all could be read. Raises ConvertError with every problem."""
        if self.problems:
            raise ConvertError(*self.problems)
        return self.tools


def read_catalogue(value: Any, where: str, name: str = "", read: Read = read_tool) -> Catalogue:
    """The tools in any value: a list, an answer of a server, a document, or text of these.

    Args:
        value: as parsed from JSON. None and blank text have no tools.
        where: its file and line, for messages.
        name: its field, for messages.
        read: reads one tool.

    Raises:
        ConvertError: it has no place for tools.
    """
    found = Catalogue()
    known: dict[str, Any] = {}

    def warn(path: str, message: str) -> None:
        found.warnings.append(f"{where}, field {path!r}: {message}")

    for entry in entries(value, where, name, warn):
        try:
            tool = read(entry.value, where, entry.path, tuple(entry.roots), warn)
        except ConvertError as error:
            found.problems += error.problems
            continue
        called = tool["function"]["name"]
        if known.setdefault(called, tool) is tool:
            found.tools.append(tool)
        elif known[called] != tool:
            warn(entry.path, f"'{called}' is defined twice; the first definition counts")
    return found


def read_tools(value: Any, where: str) -> Tools:
    """The tools that a conversation lists itself, in any shape; [] for none."""
    return read_catalogue(value, where, "tools").all_tools()


def read_tools_file(path: Path) -> Catalogue:
    """The tools of a file of JSON, JSON Lines or YAML. Raises ConvertError if it has none."""
    from trm_engine.data.catalogue.files import read_document

    found = read_catalogue(read_document(path), str(path))
    if not found.tools and not found.problems:
        raise ConvertError(f"{path}: expected a list of tools, but it has none")
    return found


class ToolReader:
    """Reads the tools of many conversations. What is equal is read once, and is one object.

    Attributes:
        warnings: what was left out of tools, the first time that they were read.
    """

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self._lists: dict[bytes, Tools] = {}
        self._tools: dict[bytes, dict[str, Any]] = {}

    def read(self, value: Any, where: str) -> Tools:
        """The tools that a conversation lists itself. Raises ConvertError."""
        if value is None:
            return []
        key = msgspec.json.encode(value)
        if key not in self._lists:
            found = read_catalogue(value, where, "tools", self._read_tool)
            self.warnings += found.warnings[: MOST_WARNINGS - len(self.warnings)]
            _keep(self._lists, key, found.all_tools())
        return self._lists[key]

    def _read_tool(
        self, value: Any, where: str, path: str, roots: tuple[Any, ...], warn: Warn
    ) -> dict[str, Any]:
        """As ``read_tool``, for tools without documents around them."""
        if roots:
            return read_tool(value, where, path, roots, warn)
        key = msgspec.json.encode(value)
        if key not in self._tools:
            _keep(self._tools, key, read_tool(value, where, path, roots, warn))
        return self._tools[key]


def _keep(known: dict[bytes, Any], key: bytes, value: Any) -> None:
    """Keep a value. When there are too many, all earlier ones are forgotten."""
    if len(known) >= MOST_KNOWN:
        known.clear()
    known[key] = value
