"""Export a checkpoint, and tell how it goes on standard output."""

from __future__ import annotations

import argparse
from itertools import count
from pathlib import Path

from trm_engine.worker.telling import tell, tell_result


def export_model(arguments: argparse.Namespace) -> int:
    """Print ``progress`` lines and one ``result`` (the proof) or ``error`` line."""
    from trm_engine.exports.export import STAGES, export

    stages = count()
    return tell_result(
        lambda: export(
            Path(arguments.checkpoint),
            Path(arguments.out),
            arguments.format,
            arguments.data,
            arguments.raw,
            arguments.force,
            lambda what: tell({"type": "progress", "what": what, "share": next(stages) / STAGES}),
        )
    )


def measure_model(arguments: argparse.Namespace) -> int:
    """Answer samples and write what came out; for ``export_model``."""
    from trm_engine.exports.measure import measure  # no torch, for what needs none

    return measure(arguments.model, arguments.samples, arguments.out, arguments.raw)
