"""The language that filters runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from trm_engine.config import Config
from trm_engine.runs.about import About
from trm_engine.runs.summary import EvaluationScore, RunSummary
from trm_tui.store.run_filter import FilterError, facts_of, run_filter

METRICS = {"exact_match": 0.96, "decision.accuracy": 0.99, "loss": 0.5, "arguments.accuracy": None}
RUN = RunSummary(
    Path("outputs/default-1"),
    "default-1",
    state="finished",
    step=300,
    epoch=2.0,
    best=EvaluationScore(200, 1.0, "exact_match", 0.96, 0.5, 0.96, 0.9, 100, METRICS),
    started=1000.0,
    config=Config().to_dict(),
    about=About(name="Good one", tags=("paper", "slow"), note="with 50% dropout"),
)


def fits(text: str, run: RunSummary = RUN) -> bool:
    return run_filter(text)(facts_of(run, now=1000.0 + 7200))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "val.exact>0.95 and lr<1e-3",
        "val.exact_match > .95",
        "val.decision.accuracy >= 0.99 and val.decision == 0.99",
        "0.9 < val.exact <= 0.96",
        "training.learning_rate = 1e-4",
        "lr==0.0001",
        "not lr > 1",
        "state = finished",
        "state in (finished, failed)",
        'state in ("FINISHED",)',
        'name = "good*"',
        '"one" in name',
        'folder = "default-1" or step = 3',
        "slow in tags and tags = paper",
        "fast not in tags",
        "age < 3 and age > 1",
        "compile = false and max_steps = null",
        "seed=0 or seed=1",
        "weight_decay > -1",
        "good",
        "dropout paper",
        "50%",
    ],
)
def test_it_fits(text: str) -> None:
    assert fits(text)


@pytest.mark.parametrize(
    "text",
    [
        "val.exact>0.96",
        "val.args>0 or val.args<=0",  # not known
        "val.tool > 0",
        "state != finished",
        "state < 3",
        "fast in tags",
        "lr > 1 or lr < 0",
        "bad",
        "good paper nonsense",
    ],
)
def test_it_does_not_fit(text: str) -> None:
    assert not fits(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("val.exat > 0.9", "unknown name 'val.exat' (did you mean 'val.exact'?)"),
        ("0.5 < lrr", "unknown name 'lrr'"),
        ("lr >", "'lr >' is no filter; write for example: val.exact > 0.95 and lr < 1e-3"),
        ("lr(1) > 2", "lr(1): expected a name, a number, or text in quotes"),
        ("__import__('os') == 1", "expected a name, a number, or text in quotes"),
        ("lr + 1 > 2", "lr + 1: expected a name, a number, or text in quotes"),
        ("x" * 500 + ">1", "the filter is longer than 500 characters"),
        ("not " * 100 + "(" * 90, "is no filter"),
        ("lr > 1\0", "is no filter"),
    ],
)
def test_nonsense_is_refused(text: str, message: str) -> None:
    with pytest.raises(FilterError) as refused:
        run_filter(text)
    assert message in str(refused.value)


@pytest.mark.parametrize("unknown", [{"best": None}, {"config": {}}, {"started": None}])
def test_what_is_unknown_is_neither_less_nor_greater(unknown: dict[str, Any]) -> None:
    run = replace(RUN, **unknown)
    name = {"best": "val.exact", "config": "lr", "started": "age"}[next(iter(unknown))]
    assert not fits(f"{name} > 0", run) and not fits(f"{name} <= 0", run)
    assert fits(f"{name} = null", run)
