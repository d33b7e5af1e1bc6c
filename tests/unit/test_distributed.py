"""Sums and agreements between processes, over the sockets that they share."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.support import wait_until
from trm_engine.errors import LostProcess
from trm_engine.training.distributed import ProcessGroup
from trm_engine.worker import followers as module
from trm_engine.worker.followers import Followers

CPU = torch.device("cpu")


@pytest.fixture
def groups() -> Iterator[list[ProcessGroup]]:
    """Three groups that are connected as those of three processes."""
    pairs = [socket.socketpair() for _ in range(2)]
    ours = [pair[0] for pair in pairs]
    followers = [
        ProcessGroup.of_links(rank, [pair[1]], 3, CPU) for rank, pair in enumerate(pairs, 1)
    ]
    yield [ProcessGroup.of_links(0, ours, 3, CPU), *followers]
    for pair in pairs:
        for link in pair:
            link.close()


def together(groups: list[ProcessGroup], work: Callable[[ProcessGroup], Any]) -> list[Any]:
    """What each process's work returns or raises, done at the same time."""
    results: list[Any] = [None] * len(groups)

    def run(place: int) -> None:
        try:
            results[place] = work(groups[place])
        except LostProcess as error:
            results[place] = error

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(groups))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
        assert not thread.is_alive()
    return results


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int64])
@pytest.mark.parametrize("shape", [(), (0,), (3, 5), (400_000,)])
def test_every_process_gets_the_same_sum(
    groups: list[ProcessGroup], dtype: torch.dtype, shape: tuple[int, ...]
) -> None:
    def work(group: ProcessGroup) -> torch.Tensor:
        return group.sum(torch.full(shape, 10**group.rank, dtype=dtype))

    for total in together(groups, work):
        assert torch.equal(total, torch.full(shape, 111, dtype=dtype))


def test_a_tensor_that_is_not_contiguous_is_summed_in_place(groups: list[ProcessGroup]) -> None:
    def work(group: ProcessGroup) -> torch.Tensor:
        whole = torch.zeros(4, 6)
        group.sum(whole.T[1].fill_(group.rank + 1))
        return whole

    for whole in together(groups, work):
        assert whole[:, 1].tolist() == [6] * 4
        assert whole.sum() == 24


@pytest.mark.parametrize("text", ["", "pause save", "một " * 100_000])
def test_every_process_hears_what_the_main_one_says(groups: list[ProcessGroup], text: str) -> None:
    assert together(groups, lambda group: group.agree(text if group.is_main else "other")) == (
        [text] * 3
    )


def test_a_lost_process_ends_the_others_and_leaves_their_tensors(
    groups: list[ProcessGroup],
) -> None:
    lost = groups.pop(1)
    lost.transport._sockets[0].close()  # type: ignore[union-attr]
    tensor = torch.ones(400_000)
    main, other = groups
    assert isinstance(together([main], lambda group: group.sum(tensor))[0], LostProcess)
    assert torch.equal(tensor, torch.ones(400_000))
    for link in main.transport._sockets:  # type: ignore[union-attr]
        link.close()
    assert isinstance(together([other], lambda group: group.agree(""))[0], LostProcess)


def test_alone_every_sum_is_the_value_itself() -> None:
    group = ProcessGroup.of_links(0, [], 1, CPU)
    assert group.is_main
    assert group.sum(torch.tensor(3.0)) == 3
    assert group.agree("stop") == "stop"
    group.leave()


def test_a_process_that_fails_is_told_of_by_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "import sys; sys.exit(3 if '2' == sys.argv[sys.argv.index('--rank') + 1] else 0)"
    monkeypatch.setattr(module, "WORKER", [sys.executable, "-c", code])
    told: list[str] = []
    with Followers(tmp_path, False, 3) as followers:
        followers.watch(told.append)
        wait_until(lambda: bool(told))
    assert told == ["process 2 of this training has ended (exit status 3)"]
