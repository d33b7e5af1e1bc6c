"""``python -m benchmarks.tool_readings CHECKPOINT FOLDER``: tools with other names, and many tools.

FOLDER holds ``val_seen.jsonl`` and ``val_renamed.jsonl``, the same dialogues with other tools. It
prints what each kind of renaming costs, and accuracy and time over the number of tools on offer.
The others on offer are those of FOLDER and of a file of tools (``--others``), in any form.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import torch

from trm_engine.data.catalogue import read_tools_file
from trm_engine.data.samples import Sample
from trm_engine.data.values import flatten, same_value
from trm_engine.inference.predictor import Predictor

Record = dict[str, Any]
BATCH = 16
COUNTS = (1, 2, 5, 10, 20, 50, 100, 150, 200)
TIMED = 40

KINDS: dict[str, tuple[str, ...]] = {
    "nothing": (),
    "tool names": ("name",),
    "tool descriptions": ("description",),
    "parameter names": ("parameters",),
    "parameter descriptions": ("parameter descriptions",),
    "all of these": ("name", "description", "parameters", "parameter descriptions"),
}


def main() -> int:
    """Print the tables; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--samples", type=int, default=300, help="calls that are judged")
    parser.add_argument("--others", type=Path, help="file with further tools to offer")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    predictor = Predictor.load(arguments.checkpoint)
    seen, renamed = (
        _records(arguments.folder / f"val_{name}.jsonl") for name in ("seen", "renamed")
    )
    calls = [index for index, record in enumerate(seen) if record["tool"]][: arguments.samples]
    pairs = [(seen[index], renamed[index]) for index in calls]
    for kind, parts in KINDS.items():
        print(f"changed: {kind}: {_judged(predictor, (_mixed(*pair, parts) for pair in pairs))}")
    pool = _pool(seen)
    if arguments.others:
        pool += read_tools_file(arguments.others).all_tools()
    names = {tool["function"]["name"] for tool in pool}
    for count in [each for each in COUNTS if each <= len(names)]:
        offered = [_offering(record, pool, count) for record, _ in pairs]
        print(
            f"{count} tools on offer: {_judged(predictor, offered)}; {_timed(predictor, offered)}"
        )
    return 0


def _records(path: Path) -> list[Record]:
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def _mixed(seen: Record, renamed: Record, parts: Iterable[str]) -> Sample:
    """A sample whose tools have some parts of the renamed one's."""
    tools, names, keys = [], {}, {}
    for one, other in zip(seen["tools"], renamed["tools"], strict=True):
        old, new = one["function"], other["function"]
        name = (new if "name" in parts else old)["name"]
        olds, news = (each["parameters"]["properties"] for each in (old, new))
        properties, key = {}, {}
        for old_name, new_name in zip(olds, news, strict=True):
            key[old_name] = new_name if "parameters" in parts else old_name
            schema = dict(olds[old_name])
            if "parameter descriptions" in parts:
                schema["description"] = news[new_name]["description"]
            properties[key[old_name]] = schema
        schema = {
            **old["parameters"],
            "properties": properties,
            "required": [key[each] for each in old["parameters"]["required"]],
        }
        description = (new if "description" in parts else old)["description"]
        function = {"name": name, "description": description, "parameters": schema}
        tools.append({"type": "function", "function": function})
        names[old["name"]], keys[old["name"]] = name, key

    def call(made: Record) -> Record:
        known = keys.get(made["name"], {})
        arguments = {known.get(key, key): value for key, value in made["arguments"].items()}
        return {"name": names.get(made["name"], made["name"]), "arguments": arguments}

    history = [
        {**turn, "content": call(turn["content"])} if turn["role"] == "tool_call" else turn
        for turn in seen["history"]
    ]
    changed = {"tools": tools, "history": history, "tool": call(seen["tool"])}
    return Sample.model_validate({**seen, **changed})


def _pool(records: Iterable[Record]) -> list[Record]:
    """All tools of the records, each once."""
    tools = {json.dumps(tool, sort_keys=True): tool for each in records for tool in each["tools"]}
    return [tools[key] for key in sorted(tools)]


def _offering(record: Record, pool: list[Record], count: int) -> Sample:
    """The sample with its tool and ``count`` - 1 others, whose names its own tools do not have."""
    chance = random.Random(json.dumps(record["tool"], sort_keys=True))
    own = {tool["function"]["name"] for tool in record["tools"]}
    true = [tool for tool in record["tools"] if tool["function"]["name"] == record["tool"]["name"]]
    others: dict[str, Record] = {}
    for tool in chance.sample(pool, len(pool)):
        if tool["function"]["name"] not in own and len(others) < count - 1:
            others.setdefault(tool["function"]["name"], tool)
    tools = [*true, *others.values()]
    chance.shuffle(tools)
    return Sample.model_validate({**record, "tools": tools})


def _judged(predictor: Predictor, samples: Iterable[Sample]) -> str:
    """Tool, and arguments given the tool, of calls."""
    tools, arguments = [], []
    for sample, tool, made in _answers(predictor, samples):
        assert sample.tool is not None
        tools.append(tool == sample.tool.name)
        true = flatten(sample.tool.arguments)
        arguments.append(
            made.keys() == true.keys() and all(same_value(made[key], true[key]) for key in true)
        )
    return f"tool {statistics.fmean(tools):.3f}, arguments {statistics.fmean(arguments):.3f}"


def _answers(
    predictor: Predictor, samples: Iterable[Sample]
) -> Iterator[tuple[Sample, str, Record]]:
    """Each sample, its likeliest tool, and the arguments read for the true one."""
    for batch in _batches(list(samples)):
        read = predictor.read(batch)
        decoded = list(predictor.decode_steps(read))[-1]
        for row, sample in enumerate(batch):
            assert sample.tool is not None
            true = read.labels.called(sample.tool.name, sample.tools)
            values = predictor.arguments(read, decoded, row, true)
            made = {each.field.name: each.value for each in values if each.is_present}
            chosen = read.tool_name(row, int(decoded.tools[row].argmax()))
            yield sample, chosen, {key: value for key, value in made.items() if value is not None}


def _batches(samples: list[Sample]) -> Iterator[list[Sample]]:
    for begin in range(0, len(samples), BATCH):
        yield samples[begin : begin + BATCH]


def _timed(predictor: Predictor, samples: list[Sample]) -> str:
    """Milliseconds to read a catalogue, and of a request once it is read."""
    catalogue = samples[0].tools
    asked = [each.model_copy(update={"tools": catalogue}) for each in samples[:TIMED]]
    first = _milliseconds(lambda: predictor.predict(asked[:1]))
    later = [_milliseconds(lambda one=one: predictor.predict([one])) for one in asked[1:]]
    return f"first request {first:.0f} ms, then {statistics.median(later):.1f} ms"


def _milliseconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return 1000 * (time.process_time() - began)


if __name__ == "__main__":
    raise SystemExit(main())
