"""``python -m benchmarks.data_speed [FILE]``: speed and memory of reading a large file of samples.

The samples of FILE, or built-in ones, are repeated with other digits and openings until there are
enough. Each row is a process of its own: samples a second of its processor time, and the highest
resident memory, for a tenth of the file and for all of it. The last line holds the figures as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any

import msgspec

from trm_engine.data import parts
from trm_engine.data.sample_reader import SampleReader, iter_lines
from trm_engine.data.stats import file_statistics
from trm_engine.data.survey import Survey, survey_file
from trm_engine.data.telecom import generate_samples
from trm_engine.data.token_cache import BORDERS, Tokenising
from trm_engine.data.tokenizer import TRMTokenizer

CONVERSATIONS = 2000
TEXTS_OF_TOKENIZER = 2000
OPENING = b'"content": "'
Figures = dict[str, Any]


def measure() -> Iterator[str]:
    """What `make bench` measures: 20,000 built-in samples."""
    with tempfile.TemporaryDirectory() as folder:
        yield from _rows(None, 20_000, Path(folder), list(TASKS))


def main() -> int:
    """Make the file, measure each task, print a row each."""
    arguments = _arguments()
    if arguments.task:
        print(json.dumps(_run_task(arguments.task, Path(arguments.file), Path(arguments.folder))))
        return 0
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        file = Path(arguments.file) if arguments.file else None
        for row in _rows(file, arguments.samples, Path(folder), arguments.tasks):
            print(row, flush=True)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", help="samples as JSON lines; else built-in ones")
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--folder", help="where the file is made; it needs 3 kB a sample")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--task", choices=TASKS, help=argparse.SUPPRESS)
    return parser.parse_args()


def _rows(file: Path | None, samples: int, folder: Path, tasks: list[str]) -> Iterator[str]:
    small, large = folder / "small.jsonl", folder / "large.jsonl"
    for path, number in ((small, samples // 10), (large, samples)):
        with open(path, "wb") as made:
            made.writelines(islice(_repeated(file), number))
    size = large.stat().st_size
    yield f"{samples:,} samples, {size / 1e6:,.0f} MB, {size / samples:,.0f} bytes a sample"
    found: Figures = {"samples": samples, "bytes": size}
    for task in tasks:
        few, all_ = (_in_own_process(task, path, folder) for path in (small, large))
        found[task] = {**all_, "mb_of_a_tenth": few["mb"]}
        speed = samples / all_["processor_seconds"]
        yield (
            f"{task:12} {speed:9,.0f} samples/s a core  {speed * size / samples / 1e6:6,.0f} MB/s  "
            f"{samples / all_['seconds']:9,.0f} samples/s  "
            f"{few['mb']:5,.0f} MB of a tenth, {all_['mb']:5,.0f} MB of all"
        )
    yield json.dumps(found)


def _repeated(file: Path | None) -> Iterator[bytes]:
    """The lines of a file again and again, each time with other digits and first words."""
    if file:
        lines = [line.raw.rstrip() + b"\n" for line in iter_lines(file)]
    else:
        made = generate_samples(CONVERSATIONS)
        lines = [json.dumps(sample, ensure_ascii=False).encode() + b"\n" for sample in made]
    for copy in count():
        digits = random.Random(copy).sample(b"123456789", 9)
        table = bytes.maketrans(b"123456789", bytes(digits))
        opening = OPENING + f"{copy:04} ".encode()
        yield from (line.translate(table).replace(OPENING, opening, 1) for line in lines)


def _in_own_process(task: str, path: Path, folder: Path) -> Figures:
    command = [sys.executable, "-m", "benchmarks.data_speed", str(path)]
    command += ["--task", task, "--folder", str(folder)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    figures: Figures = json.loads(output)
    return figures


def _run_task(task: str, path: Path, folder: Path) -> Figures:
    work = TASKS[task](path, folder)
    begin, processor = time.perf_counter(), _processor_seconds()
    work()
    return {
        "seconds": round(time.perf_counter() - begin, 3),
        "processor_seconds": round(_processor_seconds() - processor, 3),
        "mb": round(_highest_memory() / 1024),
    }


def _processor_seconds() -> float:
    """Of this process and those that it has waited for."""
    return sum(os.times()[:4])


def _highest_memory() -> int:
    """Of the largest process, in kB (Linux). Counted since its start, unlike ``ru_maxrss``."""
    own = re.search(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text())
    assert own
    return max(int(own[1]), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)


# The tasks: each prepares what is not measured, and returns what is. ------------------------------


def _json_of(decode: Callable[[bytes], Any]) -> Callable[[Path, Path], Callable[[], None]]:
    """Only the reading of JSON: the limit of all other rows."""

    def prepare(path: Path, folder: Path) -> Callable[[], None]:
        def work() -> None:
            with open(path, "rb") as file:
                for line in file:
                    decode(line)

        return work

    return prepare


def _check(path: Path, folder: Path) -> Callable[[], None]:
    def work() -> None:
        for _ in SampleReader(path, on_error="skip"):
            pass

    return work


def _stats(path: Path, folder: Path) -> Callable[[], None]:
    return lambda: file_statistics(path) and None


def _survey(path: Path, folder: Path) -> Callable[[], None]:
    return lambda: survey_file(path, folder / "cache") and None


def _tokens(processes: int | None) -> Callable[[Path, Path], Callable[[], None]]:
    def prepare(path: Path, folder: Path) -> Callable[[], None]:
        survey = survey_file(path, folder / "cache")
        model = TRMTokenizer.train_on_texts(_texts(survey), 2000, lowercase=True)
        job = Tokenising(survey, model, survey.labels, (2048, None))

        def work() -> None:
            with tempfile.TemporaryDirectory(dir=folder) as target:
                parts.build_in_parts(
                    job, len(survey), BORDERS, Path(target), lambda share: None, processes
                )

        return work

    return prepare


def _texts(survey: Survey) -> Iterator[str]:
    for row in range(min(TEXTS_OF_TOKENIZER, len(survey))):
        yield from (turn.text() for turn in survey.sample(row).history)


TASKS: dict[str, Callable[[Path, Path], Callable[[], None]]] = {
    "json": _json_of(json.loads),
    "msgspec": _json_of(msgspec.json.Decoder().decode),
    "check": _check,
    "stats": _stats,
    "survey": _survey,
    "tokens": _tokens(1),
    "tokens-all": _tokens(None),
}


if __name__ == "__main__":
    raise SystemExit(main())
