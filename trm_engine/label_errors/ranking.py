"""Ranking: from the opinions of models to suspects, most surely wrong first.

Decisions and tools are ranked by confident learning (Northcutt, Jiang, Chuang 2021; the library
cleanlab): probabilities count relative to how sure the models are of each class in general, so that
a rare class is not suspected as such. A slot or argument has a probability for its label and one
for the model's value; it is ranked by their difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from trm_engine.errors import UserError
from trm_engine.label_errors.suspect import Opinion, Suspect

DECISIONS = ("direct_answer", "tool_call")


def refuse_without_library() -> None:
    """Raise UserError if cleanlab is not installed."""
    try:
        import cleanlab  # noqa: F401
    except ImportError:
        raise UserError(
            "finding label errors needs cleanlab: pip install 'trm-tui[data]'"
        ) from None


def rank(opinions: Sequence[Opinion]) -> list[Suspect]:
    """The labels that the models disagree with, most surely wrong first."""
    found = [*_decisions(opinions), *_tools(opinions), *_fields(opinions)]
    return sorted(found, key=lambda each: (-each.score, each.line, each.kind, each.field))


def _decisions(opinions: Sequence[Opinion]) -> Iterator[Suspect]:
    labels = np.array([DECISIONS.index(each.decision) for each in opinions])
    calls = np.array([each.call for each in opinions])
    scores, predicted = _disagreement(labels, np.stack([1 - calls, calls], axis=1))
    for place in np.flatnonzero(predicted != labels).tolist():
        each, decision = opinions[place], DECISIONS[predicted[place]]
        made = each.made if decision == "tool_call" else None
        if made or decision == "direct_answer":
            yield _suspect(each, "decision", each.decision, decision, scores[place], made)


def _tools(opinions: Sequence[Opinion]) -> Iterator[Suspect]:
    """Calls only; a tool that the model of its fold never saw cannot be judged."""
    judged = [each for each in opinions if each.tool and each.tools.get(each.tool, 0) > 0]
    names = sorted({name for each in judged for name in each.tools})
    labels = np.array([names.index(each.tool) for each in judged if each.tool], dtype=np.int64)
    probabilities = np.array([[each.tools.get(name, 0) for name in names] for each in judged])
    scores, predicted = _disagreement(labels, probabilities)
    for place in np.flatnonzero(predicted != labels).tolist():
        each, name = judged[place], names[predicted[place]]
        made = each.made if each.made and each.made["name"] == name else {"name": name}
        call = {"arguments": {}, **made}
        yield _suspect(each, "tool", each.tool, name, scores[place], call)


def _fields(opinions: Sequence[Opinion]) -> Iterator[Suspect]:
    for opinion in opinions:
        for each in opinion.fields:
            score = (1 + each.predicted_probability - each.given_probability) / 2
            yield Suspect(
                opinion.line, each.kind, each.field, each.given, each.predicted, round(score, 4)
            )


def _suspect(
    opinion: Opinion, kind: Any, given: Any, predicted: Any, score: float, call: Any
) -> Suspect:
    return Suspect(opinion.line, kind, "", given, predicted, round(float(score), 4), call)


def _disagreement(labels: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How surely each label is wrong [N], and the class that is right instead [N].

    ``labels`` [N]; ``probabilities`` [N, C] by models that did not see the label.
    """
    if len(np.unique(labels)) < 2:  # one class only: nothing tells how sure the models are of it
        return np.zeros(len(labels)), labels
    from cleanlab.count import get_confident_thresholds

    rows = probabilities / probabilities.sum(axis=1, keepdims=True)
    usual = get_confident_thresholds(labels, rows)
    relative = rows - usual
    predicted = relative.argmax(axis=1)
    places = np.arange(len(labels))
    lead = relative[places, predicted] - relative[places, labels]
    most = 1 + usual[labels] - usual[predicted]  # that of a model that is quite sure
    return (1 + lead / most) / 2, predicted
