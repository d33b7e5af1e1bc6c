"""The judges of the torture see what is wrong: each is shown something bad."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch

from tests.events import Record, run_started
from tests.forks import Forks
from tests.mutations import MUTATORS, mutate
from tests.torture import chance, judge
from tests.torture.readers import Corpus
from tests.torture.structures import mutate_tree, mutate_yaml
from tests.torture.test_readers import told, try_all


@pytest.mark.parametrize(
    ("status", "out", "err", "said"),
    [
        (0, b"fine\n", b"Traceback (most recent call last):\n", "a traceback"),
        (1, b"", b"error: x\n", "not one of"),
        (-11, b"", b"", "not one of"),
        (2, b"", b"", "nothing says why"),
        (0, b"\x1b[31m", b"", "raw"),
        (0, b"", "a \x9b31m".encode(), "raw"),
        (0, "\u202etxt.exe".encode(), b"", "raw"),
        (0, b"bell \x07", b"", "raw"),
        (0, b"\xff", b"", "not UTF-8"),
    ],
)
def test_output(status: int, out: bytes, err: bytes, said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        judge.assert_well_ended(status, out, err)


def test_good_output_is_let_through() -> None:
    judge.assert_well_ended(0, "ok │ 李小龙\t😀\n".encode(), b"")
    judge.assert_well_ended(2, b"", b"error: \\x1b is shown as text\n")


def story() -> list[Record]:
    """The events of a short run."""

    def steps(first: int, last: int) -> dict[str, Any]:
        numbers = list(range(first, last + 1))
        columns = {"step": numbers, "total_loss": [1 / n for n in numbers], "time": list(numbers)}
        return {"type": "steps", "columns": columns, "by_step": [[0.5]] * len(numbers)}

    kinds: list[dict[str, Any]] = [
        run_started(),
        steps(1, 3),
        {"type": "eval", "step": 3, "best": True, "metrics": {"loss": 0.5}},
        steps(4, 6),
        {"type": "eval", "step": 6, "best": False, "metrics": {"loss": 0.6}},
    ]
    return [{"seq": seq, "t": float(seq), **each} for seq, each in enumerate(kinds)]


def without_a_step(events: list[Record]) -> None:
    for values in events[1]["columns"].values():
        del values[1]
    del events[1]["by_step"][1]


def without_the_last_steps(events: list[Record]) -> None:
    events[3]["columns"] = {name: values[:-1] for name, values in events[3]["columns"].items()}
    del events[3]["by_step"][-1]


def with_another_loss(events: list[Record]) -> None:
    events[3]["columns"]["total_loss"][0] += 1e-12


def without_an_evaluation(events: list[Record]) -> None:
    del events[4]


def with_an_evaluation_twice(events: list[Record]) -> None:
    events.append({**events[4], "seq": 5})


def with_another_best(events: list[Record]) -> None:
    events[4]["best"] = True


def with_a_number_twice(events: list[Record]) -> None:
    events[4]["seq"] = 3


def with_a_number_left_out(events: list[Record]) -> None:
    events[4]["seq"] = 5


def resumed_too_early(events: list[Record]) -> None:
    events.append({**run_started(2), "seq": 5})


@pytest.mark.parametrize(
    "spoil",
    [
        without_a_step,
        without_the_last_steps,
        with_another_loss,
        without_an_evaluation,
        with_an_evaluation_twice,
        with_another_best,
        with_a_number_twice,
        with_a_number_left_out,
        resumed_too_early,
    ],
)
def test_events(spoil: Callable[[list[Record]], None]) -> None:
    judge.assert_same_story(story(), story())
    spoilt = story()
    spoil(spoilt)
    with pytest.raises(AssertionError):
        judge.assert_same_story(spoilt, story())


def test_times_may_differ() -> None:
    other = story()
    other[1]["columns"]["time"][0] = 99
    other[2]["t"] = 99.0
    judge.assert_same_story(other, story())


def test_weights_that_differ_by_one_bit(corpus: Corpus) -> None:
    judge.assert_same_learning(corpus.state, copy.deepcopy(corpus.state))
    for part in ("model_state_dict", "optimizer_state_dict", "ema_state_dict"):
        state = copy.deepcopy(corpus.state)
        tensor = next(t for t in tensors(state[part]) if t.numel() > 1 and t.is_floating_point())
        tensor.view(torch.int32).view(-1)[0] ^= 1
        with pytest.raises(AssertionError):
            judge.assert_same_learning(state, corpus.state)


def tensors(value: Any) -> list[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [tensor for each in inner for tensor in tensors(each)]


def test_leftovers(tmp_path: Path) -> None:
    judge.assert_tidy(tmp_path)
    (tmp_path / ".epoch_1.pt.new").touch()
    with pytest.raises(AssertionError, match="left behind"):
        judge.assert_tidy(tmp_path)


def test_readers_that_fail_hang_die_or_take_all_memory(
    forks: Forks, corpus: Corpus, tmp_path: Path
) -> None:
    problems = try_all(forks, corpus, "self_test", range(6), tmp_path, cpu_seconds=0.5)
    assert sorted(problems) == [1, 2, 3, 4, 5]
    assert "ValueError: wrong" in problems[1]
    assert "ended by -11" in problems[2]
    assert "ended by -27" in problems[3] and "read_self_test" in problems[3]
    assert "MemoryError" in problems[4]
    assert "UserError: refused" in problems[5]
    listed = told(problems, 6)
    assert "5 of 6 went wrong" in listed
    assert f"SEED={chance.SEED} N={chance.N} CASE=1 " in listed


@pytest.mark.parametrize("change", MUTATORS)
def test_bytes_change_and_alike_for_the_same_seed(change: Any) -> None:
    data = bytes(range(256)) * 20
    changed = [change(data, Random(seed)) for seed in range(40)]
    assert changed == [change(data, Random(seed)) for seed in range(40)]
    assert sum(each != data for each in changed) > 30
    assert change(b"", Random(1)) is not None


def test_structures_change_and_alike_for_the_same_seed(corpus: Corpus) -> None:
    for seed in range(40):
        assert repr(mutate_tree(corpus.lines[0], Random(seed))) == (
            repr(mutate_tree(corpus.lines[0], Random(seed)))
        )
        assert mutate_yaml("a: 1\nb: 2", Random(seed)) == mutate_yaml("a: 1\nb: 2", Random(seed))
    assert mutate(b"abc", Random(3)) == mutate(b"abc", Random(3))
