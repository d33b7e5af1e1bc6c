"""``python -m benchmarks.label_noise FILE``: the share of planted label errors that are found.

Two in a hundred labels of each kind are made wrong at random: decisions, tools of calls, values of
filled slots. Printed is, per kind, the share of them among the first five in a hundred of the
ranking. ``--dialogues`` takes only the first conversations of the file. The last line holds the
figures as JSON.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from trm_engine.data.sample_reader import SampleReader
from trm_engine.data.survey import PrefixIndex
from trm_engine.label_errors.suspect import Kind, Suspect, read_suspects
from trm_engine.runs.launch import start_inference

NOISE = 0.02
LOOKED_AT = 0.05
Record = dict[str, Any]
Label = tuple[int, Kind, str]
"""Line, kind and field."""


def main() -> int:
    """Plant, search, print what was found. Returns the exit status."""
    arguments = _arguments()
    folder = Path(arguments.folder)
    folder.mkdir(parents=True, exist_ok=True)
    noisy = folder / "noisy.jsonl"
    records = list(_read(Path(arguments.file), arguments.dialogues))
    labels = _labels(records)
    planted = _plant(records, labels, random.Random(arguments.seed))
    noisy.write_text("".join(json.dumps(each, ensure_ascii=False) + "\n" for each in records))
    begin = time.monotonic()
    _search(noisy, folder / "search", arguments)
    suspects = read_suspects(folder / "search" / "label_errors.jsonl")
    found: Record = {"samples": len(records), "seconds": round(time.monotonic() - begin)}
    for kind in planted:
        found[kind] = _found(kind, suspects, planted[kind], len(labels[kind]))
        print(
            f"{kind:9} {found[kind]['planted']:5} of {len(labels[kind]):6} labels made wrong, "
            f"{found[kind]['share']:.3f} of them among the first {LOOKED_AT:.0%}, "
            f"{found[kind]['suspected']:.3f} suspected at all"
        )
    print(json.dumps(found))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file")
    parser.add_argument("--folder", default="/tmp/label_noise", help="of the search; it goes on")
    parser.add_argument("--dialogues", type=int, help="how many conversations; all if not given")
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--config")
    parser.add_argument("--set", action="append", default=[], metavar="section.key=value")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def _read(path: Path, dialogues: int | None) -> Iterator[Record]:
    """The samples of the first conversations of a file."""
    index, records = PrefixIndex(), []
    for line, sample in SampleReader(path):
        index.add(sample)
        records.append(json.loads(line.raw))
    of = index.dialogues()
    kept = np.unique(of)[:dialogues]
    return (record for record, own in zip(records, of, strict=True) if own in kept)


def _labels(records: list[Record]) -> dict[Kind, list[Label]]:
    """The labels that can be made wrong."""
    labels: dict[Kind, list[Label]] = {"decision": [], "tool": [], "slot": []}
    for line, record in enumerate(records, 1):
        labels["decision"].append((line, "decision", ""))
        if record["decision"] == "tool_call" and len(record["tools"]) > 1:
            labels["tool"].append((line, "tool", ""))
        labels["slot"] += [(line, "slot", name) for name, value in record["slots"].items() if value]
    return labels


def _plant(
    records: list[Record], labels: dict[Kind, list[Label]], chance: random.Random
) -> dict[Kind, set[Label]]:
    """Make labels wrong, in place. A sample gets another decision or another tool, not both."""
    values = defaultdict(list)
    for record in records:
        for name, value in record["slots"].items():
            if value:
                values[name].append(value)
    flips = {"decision": _flip_decision, "tool": _flip_tool}
    planted: dict[Kind, set[Label]] = {"decision": set(), "tool": set(), "slot": set()}
    flipped: set[int] = set()
    for kind, wanted in labels.items():
        count = round(NOISE * len(wanted))
        for label in chance.sample(wanted, len(wanted)):
            if len(planted[kind]) == count:
                break
            line, _, name = label
            record = records[line - 1]
            if kind == "slot":
                others = [each for each in values[name] if each != record["slots"][name]]
                if not others:
                    continue
                record["slots"][name] = chance.choice(others)
            elif line in flipped:
                continue
            else:
                flips[kind](record, chance)
                flipped.add(line)
            planted[kind].add(label)
    return planted


def _flip_decision(record: Record, chance: random.Random) -> None:
    if record["decision"] == "tool_call":
        record |= {"decision": "direct_answer", "tool": {}, "content": "One moment, please."}
    else:
        name = chance.choice(record["tools"])["function"]["name"]
        record |= {"decision": "tool_call", "tool": {"name": name, "arguments": {}}}


def _flip_tool(record: Record, chance: random.Random) -> None:
    names = [tool["function"]["name"] for tool in record["tools"]]
    record["tool"]["name"] = chance.choice([n for n in names if n != record["tool"]["name"]])


def _search(noisy: Path, folder: Path, arguments: argparse.Namespace) -> None:
    options = ["--folds", str(arguments.folds)]
    options += ["--config", arguments.config] if arguments.config else []
    options += [text for setting in arguments.set for text in ("--set", setting)]
    files = ("--", str(noisy), str(folder))
    worker = start_inference("errors", *options, *files, stdout=subprocess.DEVNULL)
    if status := worker.wait():
        raise SystemExit(status)


def _found(kind: Kind, suspects: list[Suspect], planted: set[Label], labels: int) -> Record:
    ranked = [(each.line, each.kind, each.field) for each in suspects if each.kind == kind]
    first = set(ranked[: round(LOOKED_AT * labels)])
    return {
        "planted": len(planted),
        "share": round(len(planted & first) / len(planted), 4),
        "suspected": round(len(planted.intersection(ranked)) / len(planted), 4),
        "suspects": len(ranked),
    }


if __name__ == "__main__":
    raise SystemExit(main())
