"""Runs that differ by their seed only are one group."""

from __future__ import annotations

from typing import Any

from trm_engine.config import Config
from trm_tui.store.groups import Group, apart, differing, group_runs

Run = tuple[str, dict[str, Any]]


def run(name: str, **training: Any) -> Run:
    config = Config()
    for key, value in training.items():
        setattr(config.training, key, value)
    return name, config.to_dict()


def grouped(*runs: Run) -> list[Group[Run]]:
    return group_runs(runs, lambda each: each[0], lambda each: each[1])


def test_seed_and_places_make_no_difference() -> None:
    first = run("default-20250131-093000", seed=1, output_dir="a")
    second = run("default-20250131-094500", seed=2, output_dir="b")
    (group,) = grouped(first, second)
    assert group.runs == (first, second)
    assert group.title == "default ×2"


def test_other_settings_do() -> None:
    groups = grouped(run("a"), run("b", learning_rate=0.5), run("c", seed=3))
    assert [[name for name, _ in group.runs] for group in groups] == [["a", "c"], ["b"]]


def test_namesakes_are_told_apart_by_what_differs() -> None:
    groups = grouped(
        run("default-1", seed=1),
        run("default-2", seed=2),
        run("default-3", seed=1, batch_size=8),
        run("default-4", seed=2, batch_size=8),
    )
    assert [each.title for each in groups] == [
        "default batch_size=32 ×2",
        "default batch_size=8 ×2",
    ]


def test_a_run_without_configuration_is_alone() -> None:
    groups = grouped(("broken-1", {}), ("broken-2", {}))
    assert [group.title for group in groups] == ["broken-1", "broken-2"]


def test_names_with_nothing_in_common_give_the_first() -> None:
    (group,) = grouped(run("20250131", seed=1), run("first", seed=2))
    assert group.name == "20250131"


def test_runs_apart() -> None:
    runs = [run("a", seed=1), run("b", seed=2)]
    groups = apart(runs, lambda each: each[0], lambda each: each[1])
    assert [each.title for each in groups] == ["a", "b"]


def test_differing_settings() -> None:
    configs = [run("a", seed=1)[1], run("b", batch_size=8, output_dir="x")[1], {}]
    assert differing(configs) == ["training.batch_size"]
