"""The model card of an export: what the model does, its figures, and how to use it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from trm_engine.exports.folder import Manifest
from trm_engine.exports.proof import Proof, Side
from trm_engine.printable import one_line
from trm_engine.runs.schema.evaluation import METRICS, evaluation_of, shown

MOST_NAMES = 40
MEGABYTE = 1e6

HEAD = """\
---
library_name: trm-tui
tags:
- tool-calling
- routing
- tiny-recursive-model
---

# A tool router

This Tiny Recursive Model reads a conversation and decides what an assistant does next: call a tool,
which one and with which arguments, or answer. It was trained and exported with trm-tui.
"""

USE = """\
## Use

```python
from trm_engine import Router

router = Router.load("path/of/this/folder")
route = router.route([{"role": "user", "content": "..."}], tools=[...])
print(route.decision, route.calls, route.confidence)
```

On the command line: `trm-tui predict FOLDER conversations.jsonl`, or `trm-tui serve FOLDER`.
"""


def card(manifest: Manifest, proof: Proof, parameters: int) -> str:
    """The text of README.md, in Markdown."""
    parts = [HEAD, *_facts(manifest, parameters), *_figures(manifest), *_proof(proof), USE]
    return "\n".join(parts)


def _facts(manifest: Manifest, parameters: int) -> Iterator[str]:
    labels, steps = manifest.labels, manifest.model.get("N_supervision")
    yield "## What it is\n"
    rows = [
        ("parameters", f"{parameters:,}"),
        ("trained for", f"{manifest.global_step:,} updates"),
        ("supervision steps", str(steps)),
        ("longest conversation", f"{manifest.data.get('max_length')} tokens; older turns go first"),
        ("tools of training", _names(labels["tools"])),
        ("slots", _names(each["name"] for each in labels["slots"])),
    ]
    below = (manifest.calibration or {}).get("abstain_below")
    if below:
        rows.append(("abstains below", f"confidence {below:.3f}"))
    yield _table(("", ""), rows)
    yield "It reads the tools on offer, so it can be asked about tools that training never saw.\n"


def _figures(manifest: Manifest) -> Iterator[str]:
    """The figures of the run's validation."""
    evaluation = evaluation_of(manifest.metrics) if manifest.metrics else None
    if evaluation is None:
        return
    yield f"## Figures\n\nOn {evaluation.samples:,} validation samples of its run:\n"
    figures = [(metric, metric.of(evaluation)) for metric in shown(METRICS, evaluation)]
    rows = [
        (metric.title, f"{value:.4g}", metric.help)
        for metric, value in figures
        if value is not None and not metric.is_detail
    ]
    yield _table(("figure", "", "what it is"), rows)


def _proof(proof: Proof) -> Iterator[str]:
    yield f"## Against the checkpoint\n\n{summary(proof)} Details: proof.json.\n"
    rows = [
        (name, *(figure(side) for side in (proof.checkpoint, proof.exported)))
        for name, figure in COSTS.items()
    ]
    yield _table(("one conversation at a time, one thread", "checkpoint", "export"), rows)


COSTS: dict[str, Callable[[Side], str]] = {
    "exact answers": lambda side: f"{side.exact:.4f}",
    "size": lambda side: f"{side.bytes / MEGABYTE:.2f} MB",
    "median processor time": lambda side: f"{side.p50_ms:.1f} ms",
    "95th percentile": lambda side: f"{side.p95_ms:.1f} ms",
    "resident memory": lambda side: f"{side.resident_bytes / MEGABYTE:.0f} MB",
}
"""How good a side of a proof is, and what it costs, as text by name."""


def summary(proof: Proof) -> str:
    """How equal the answers are, in two sentences."""
    parts = [f"{part} {count:,}" for part, count in proof.differing.items() if count]
    differing = f"Answers differ: {', '.join(parts)}." if parts else "No answer differs."
    largest = f"{proof.largest_difference:.2g}"
    return f"{proof.samples:,} samples: probabilities differ by {largest} at most. {differing}"


def _names(names: Iterable[str]) -> str:
    """Names as code, the first ones of many."""
    every = [f"`{one_line(name).replace('`', '')}`" for name in names]
    more = [f"and {len(every) - MOST_NAMES} more"] if len(every) > MOST_NAMES else []
    return ", ".join([*every[:MOST_NAMES], *more]) or "none"


def _table(heading: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heading, ("---",) * len(heading), *rows]
    return "".join(f"| {' | '.join(each.replace('|', '/') for each in row)} |\n" for row in lines)
