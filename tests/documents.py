"""The documentation as tests read it: its pages, their blocks, the commands in them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from docs.make import pages
from tests.support import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *pages()]
BLOCK = re.compile(
    r"(?:<!-- ([\w: .]+) -->\n)?^( *)```(\w+)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE
)
INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the mark in a comment above it."""

    page: Path
    language: str
    text: str
    mark: str = ""


@dataclass(frozen=True)
class Shown:
    """A command, and the output that the page shows; None if it shows none."""

    command: str
    output: str | None = None


def blocks(*languages: str) -> Iterator[Block]:
    """The blocks of all pages in these languages."""
    for page in PAGES:
        for mark, indent, language, text in BLOCK.findall(page.read_text(encoding="utf-8")):
            if language in languages:
                yield Block(page, language, re.sub(f"^{indent}", "", text, flags=re.M), mark)


def commands() -> dict[Path, list[Shown]]:
    """The commands of every page that has some, in order."""
    found: dict[Path, list[Shown]] = {}
    for block in blocks("sh", "console"):
        read = _lines if block.language == "sh" else _session
        found.setdefault(block.page, []).extend(read(block))
    return found


def _lines(block: Block) -> Iterator[Shown]:
    """A block of commands alone, one a line; a backslash or a pipe continues a line."""
    for line in block.text.replace("\\\n", " ").replace("|\n", "| ").splitlines():
        if command := re.sub(r"\s+# .*| +$", "", line):
            yield Shown(command)


def _session(block: Block) -> Iterator[Shown]:
    """A block in which ``$`` begins a command, and the lines below it are its output."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        yield Shown(command, output)


def stages(command: str) -> list[list[str]]:
    """The words of each part of a pipeline; ``<`` stays a word."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars="|<")
    lexer.whitespace_split = True
    parts: list[list[str]] = [[]]
    for word in lexer:
        if word == "|":
            parts.append([])
        else:
            parts[-1].append(word)
    return parts


def mentioned() -> Iterator[tuple[Path, str]]:
    """What stands in the text as code, by page."""
    for page in PAGES:
        text = BLOCK.sub("", page.read_text(encoding="utf-8"))
        yield from ((page, code) for code in INLINE.findall(text))
