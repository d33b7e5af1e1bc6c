"""Figures: the rows of benchmarks as JSON lines, one line a benchmark and commit, and what changed.

A row is told from others by its text without numbers, so a benchmark needs no names for figures.
"""

from __future__ import annotations

import json
import platform
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

NUMBER = re.compile(r"(?<![\w.])[-−]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")
NOTED_CHANGE = 0.2
"""A figure that changed by less than this share is not noted: the machines are noisy."""


def record(name: str, rows: list[str]) -> dict[str, Any]:
    """The rows of a benchmark, with the commit and the machine that they were measured on."""
    return {
        "commit": _git("rev-parse", "HEAD") + ("+changes" if _git("status", "--porcelain") else ""),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.machine()} {platform.system()} Python {platform.python_version()}",
        "benchmark": name,
        "rows": [{"text": text, "figures": figures_in(text)} for text in rows],
    }


def figures_in(text: str) -> list[float]:
    """The numbers in a row."""
    return [float(found.replace(",", "").replace("−", "-")) for found in NUMBER.findall(text)]


def append(path: Path, line: dict[str, Any]) -> None:
    """Add a record to a file of JSON lines."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, ensure_ascii=False) + "\n")


def latest(path: Path, name: str) -> dict[str, Any] | None:
    """The last record of a benchmark in a file; None if there is none."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    found = [line for line in map(json.loads, lines) if line["benchmark"] == name]
    return found[-1] if found else None


def changes(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    """A line for each row with a figure that changed much."""
    old = {NUMBER.sub("#", row["text"]): row["figures"] for row in before["rows"]}
    for row in after["rows"]:
        pairs = zip(old.get(NUMBER.sub("#", row["text"]), ()), row["figures"], strict=False)
        moved = [f"{new / was:.2f} x {was:g}" for was, new in pairs if was and _changed(was, new)]
        if moved:
            yield f"{row['text']}  [{', '.join(moved)} of {before['commit'][:10]}]"


def _changed(was: float, new: float) -> bool:
    return abs(new - was) > NOTED_CHANGE * abs(was)


def _git(*arguments: str) -> str:
    try:
        result = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return result.stdout.strip()
