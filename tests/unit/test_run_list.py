"""The list of runs: groups, order, filter, baseline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from trm_engine.config import Config, TrainingConfig
from trm_engine.runs.about import About
from trm_engine.runs.summary import EvaluationScore, RunSummary
from trm_tui.store.run_filter import FilterError
from trm_tui.store.run_list import RunList


def run(
    name: str, value: float | None = None, about: About | None = None, **training: Any
) -> RunSummary:
    best = None
    if value is not None:
        metrics = {"exact_match": value}
        best = EvaluationScore(1, 1.0, "exact_match", value, 0.1, value, value, 100, metrics)
    config = Config(training=TrainingConfig(**training)).to_dict()
    number = int(name[-1])
    return RunSummary(
        Path(name),
        name,
        state="finished",
        step=number,
        best=best,
        started=1000.0 - number,
        config=config,
        about=about or About(),
    )


def listed(*runs: RunSummary) -> RunList:
    found = RunList()
    found.set_runs(runs)
    return found


def names(runs: RunList) -> list[str]:
    return [row.run.name if row.run else row.group.title for row in runs.rows]


SEEDS = (
    run("small-1", 0.8, seed=1, batch_size=8),
    run("small-2", 0.9, seed=2, batch_size=8),
    run("large-3", 0.7, batch_size=64),
)


def test_seeds_are_one_row_that_unfolds() -> None:
    runs = listed(*SEEDS)
    assert names(runs) == ["small ×2", "large-3"]
    assert runs.settings == ["training.batch_size"]
    score = runs.rows[0].score
    assert score is not None and (score.mean, score.runs) == (pytest.approx(0.85), 2)
    runs.fold(runs.rows[0])
    assert names(runs) == ["small ×2", "small-1", "small-2", "large-3"]
    runs.set_runs(SEEDS)  # as every two seconds
    assert len(runs.rows) == 4
    runs.fold(runs.rows[0])
    runs.show(by_seed=False)
    assert names(runs) == ["small-1", "small-2", "large-3"]


def test_order() -> None:
    runs = listed(*SEEDS, run("none-4", None, batch_size=1))
    assert names(runs) == ["small ×2", "large-3", "none-4"]  # the newest first
    runs.sort_by("val.exact_match")
    assert names(runs) == ["small ×2", "large-3", "none-4"]
    runs.sort_by("val.exact_match", reverse=True)
    assert names(runs) == ["large-3", "small ×2", "none-4"]  # unknown ones are always last
    runs.sort_by("training.batch_size")
    assert names(runs) == ["none-4", "small ×2", "large-3"]
    runs.sort_by("name")
    assert names(runs) == ["large-3", "none-4", "small ×2"]
    assert set(runs.sort_names()) >= {"age", "val.exact_match", "training.batch_size"}
    for name in runs.sort_names():
        runs.sort_by(name)
    with pytest.raises(FilterError, match="cannot sort by 'nonsense'"):
        runs.sort_by("nonsense")


def test_filter_and_archive() -> None:
    runs = listed(*SEEDS, run("old-5", about=About(archived=True), batch_size=2))
    assert (len(runs.rows), runs.hidden) == (2, 1)
    runs.show(archived=True)
    assert names(runs)[-1] == "old-5"
    runs.filter("val.exact >= 0.8")
    assert names(runs) == ["small ×2"]
    with pytest.raises(FilterError):
        runs.filter("val.exact >=")
    assert names(runs) == ["small ×2"]


def test_differences_from_the_baseline() -> None:
    pinned = run("large-3", 0.7, About(baseline=True), batch_size=64)
    runs = listed(*SEEDS[:2], pinned)
    assert runs.baseline is not None
    difference = runs.rows[0].minus(runs.baseline)
    assert difference is not None and difference.by_seeds
    assert difference.value == pytest.approx(0.15)
    runs.filter("small")  # the baseline is hidden, but still compared with
    assert runs.baseline is not None and runs.baseline.run == pinned
    runs.show(by_seed=False)
    alone = runs.rows[0].minus(runs.baseline)
    assert alone is not None and not alone.by_seeds and alone.margin is not None


def test_a_baseline_in_a_group_is_the_group() -> None:
    pinned = run("small-2", 0.9, About(baseline=True), seed=2, batch_size=8)
    runs = listed(SEEDS[0], pinned, SEEDS[2])
    assert runs.baseline is not None and runs.baseline.key == runs.rows[0].key
