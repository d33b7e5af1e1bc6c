"""Evaluate a checkpoint on a file, as JSON lines on standard output."""

from __future__ import annotations

import argparse

from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.inference.predictor import Predictor
from trm_engine.runs.schema.evaluation import Evaluation
from trm_engine.training.evaluate import evaluate
from trm_engine.worker.telling import tell, tell_result


def evaluate_file(arguments: argparse.Namespace) -> int:
    """Print ``progress`` lines and one ``result`` or ``error`` line."""
    return tell_result(lambda: _evaluation(arguments))


def _evaluation(arguments: argparse.Namespace) -> Evaluation:
    predictor = Predictor.load(arguments.checkpoint, arguments.device, arguments.raw)
    dataset = TRMToolCallingDataset.as_read_by(predictor, arguments.data, tools=arguments.tools)
    return evaluate(
        predictor.model,
        dataset,
        arguments.batch_size,
        _tell_progress,
        arguments.halt_threshold,
        predictor.calibration,
        arguments.target_accuracy,
    )


def _tell_progress(done: int, total: int) -> None:
    tell({"type": "progress", "share": done / max(total, 1)})
