"""Mutated inputs through every reader: refused with a message, or read right."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.forks import Forks
from tests.torture import chance
from tests.torture.readers import READERS, Corpus

MEMORY = 3 << 30
"""Bytes that a reader may reserve beyond what it begins with."""

CPU_SECONDS = 20.0
WALL_SECONDS = 300.0
"""Of one case, which works for milliseconds. The machine may be slow: what counts is the CPU's."""

SHOWN = 12

Count = Callable[[str, int], None]


@pytest.mark.parametrize("reader", [name for name in READERS if name != "self_test"])
def test_mutated(
    reader: str,
    forks: Forks,
    corpus: Corpus,
    tmp_path: Path,
    record_property: Count,
) -> None:
    cases = chance.cases()
    problems = try_all(forks, corpus, reader, cases, tmp_path)
    record_property("mutations", len(cases))
    if problems:
        pytest.fail(told(problems, len(cases)), pytrace=False)


def try_all(
    forks: Forks,
    corpus: Corpus,
    reader: str,
    cases: Sequence[int],
    place: Path,
    cpu_seconds: float = CPU_SECONDS,
) -> dict[int, str]:
    """The cases that went wrong, each with what was seen."""
    problems: dict[int, str] = {}
    left = list(cases)
    while left:
        results = place / f"results-{left[0]}"
        (place / "stderr").unlink(missing_ok=True)
        job = {
            "reader": reader,
            "corpus": str(corpus.path),
            "folder": str(place / "case"),
            "cpu_seconds": cpu_seconds,
            "wall_seconds": WALL_SECONDS,
        }
        fork = forks.start(
            "batch", place, **job, seed=chance.SEED, cases=left, results=str(results), memory=MEMORY
        )
        status = fork.wait(timeout=3600)
        lines = results.read_text().splitlines() if results.exists() else []
        done = [json.loads(line) for line in lines]
        problems.update({each["case"]: each["problem"] for each in done if each["problem"]})
        if len(done) < len(left):
            problems[left[len(done)]] = (
                f"ended by {status}: {fork.err.decode(errors='replace')[-3000:]}"
            )
        left = left[len(done) + 1 :]
    return problems


def told(problems: dict[int, str], tried: int) -> str:
    """The problems by kind, each kind with the command that repeats its first."""
    node = os.environ["PYTEST_CURRENT_TEST"].rpartition(" ")[0]
    kinds: dict[str, list[int]] = defaultdict(list)
    for case, problem in problems.items():
        kinds[kind_of(problem)].append(case)
    lines = [f"{len(problems)} of {tried} went wrong, in {len(kinds)} ways"]
    for kind, cases in sorted(kinds.items(), key=lambda each: -len(each[1]))[:SHOWN]:
        lines += [
            f"\n{len(cases)} x {kind}",
            chance.again(node, cases[0]),
            problems[cases[0]][-1500:],
        ]
    return "\n".join(lines)


def kind_of(problem: str) -> str:
    """Where it happened, and the kind of error."""
    lines = [line.strip() for line in problem.strip().splitlines()]
    places = [line for line in lines if line.startswith("File ") and "/trm_" in line]
    where = (places or [line for line in lines if line.startswith("File ")] or [""])[-1]
    return f"{lines[-1].partition(':')[0][:80]} at {where}"
