"""``python -m benchmarks.calibration CHECKPOINT DATA``: calibration error, coverage, cross-fitted.

DATA are samples that the model was not trained on. Each sample is judged by a calibration that was
fitted on other conversations.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.inference.calibration import Calibration
from trm_engine.inference.predictor import Predictor
from trm_engine.runs.schema.confidence import Coverage, Reliability
from trm_engine.runs.schema.evaluation import Evaluation
from trm_engine.training.evaluate import evaluate_and_calibrate

DRAWS = 1000


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--target-accuracy", type=float, default=0.99)
    arguments = parser.parse_args()
    predictor = Predictor.load(arguments.checkpoint, "cpu")
    dataset = TRMToolCallingDataset.as_read_by(predictor, arguments.data)
    found, calibration = evaluate_and_calibrate(
        predictor.model, dataset, target_accuracy=arguments.target_accuracy
    )
    print("\n".join(_rows(found, calibration)))


def _rows(found: Evaluation, calibration: Calibration) -> Iterator[str]:
    yield f"{found.samples:,} samples, decision accuracy {found.decision.accuracy:.4f}"
    yield _reliability("decision", found.decision_confidence)
    yield _reliability("decision, tool and arguments", found.answer_confidence)
    yield _coverage(found.coverage)
    temperatures = f"decision {calibration.decision:.2f}, tool {calibration.tool:.2f}"
    answer = calibration.answer
    yield f"temperatures: {temperatures}, answer {answer.temperature:.2f} {answer.bias:+.2f}"


def _reliability(what: str, found: Reliability) -> str:
    return (
        f"{what}: ECE {found.raw_ece:.4f} -> {found.ece:.4f} ({_by_chance(found):.4f} if all "
        f"probabilities were true), Brier score {found.brier:.4f}"
    )


def _by_chance(found: Reliability) -> float:
    """The ECE that so many answers have on average if their probabilities are true."""
    dice = np.random.default_rng(0)
    bins = [(each.samples, each.confidence or 0.0) for each in found.bins]
    gaps = sum(np.abs(dice.binomial(n, chance, DRAWS) - n * chance) for n, chance in bins)
    return float(np.mean(gaps)) / sum(n for n, _ in bins)


def _coverage(found: Coverage) -> str:
    at = "no threshold" if found.threshold is None else f"confidence >= {found.threshold:.3f}"
    return (
        f"whole answers: accuracy {found.accuracy:.4f}; "
        f"{found.answered:.4f} answered at accuracy {found.target:g} ({at})"
    )


if __name__ == "__main__":
    main()
