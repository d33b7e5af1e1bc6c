"""Run control: what a run does on command, without a process."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.events import Record
from tests.trainers import Told
from trm_engine.errors import Abort, RunError
from trm_engine.training import run_control
from trm_engine.training.distributed import ProcessGroup
from trm_engine.training.run_control import RunControl, Stop

FULL = OSError(errno.ENOSPC, "No space left on device")


class Given:
    """Commands that arrive look by look; when there are no more, the test ends."""

    def __init__(self, *looks: list[str]) -> None:
        self._looks = list(looks)

    def __call__(self) -> list[str]:
        return self._looks.pop(0)

    def wants(self, *wanted: str) -> bool:
        return bool(self._looks) and not set(wanted).isdisjoint(self._looks[0])


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_control, "PAUSE_SECONDS", 0)


def control_of(
    *looks: list[str], group: ProcessGroup | None = None
) -> tuple[RunControl, list[Record]]:
    events: list[Record] = []
    return RunControl(Given(*looks), Told(events), group or ProcessGroup()), events


def obey(control: RunControl) -> list[str]:
    """What was done, in order."""
    done: list[str] = []

    def note(what: str) -> Callable[[], None]:
        return lambda: done.append(what)

    actions = {name: note(name) for name in ("evaluate", "save")}
    control.obey(actions, note("flush"), note("restart clock"))
    return done


def states(events: list[Record]) -> list[str]:
    return [event["state"] for event in events if event["type"] == "state"]


def test_without_commands_a_run_goes_on() -> None:
    control, events = control_of([])
    assert obey(control) == []
    assert events == []


def test_actions_are_done_in_the_order_given() -> None:
    control, _ = control_of(["save", "evaluate"])
    assert obey(control) == ["save", "evaluate"]


def test_a_paused_run_waits_and_still_obeys() -> None:
    control, events = control_of(["pause", "evaluate"], [], ["pause"], ["save"], ["resume"])
    assert obey(control) == ["flush", "evaluate", "save", "restart clock"]
    assert states(events) == ["paused", "running"]


def test_to_resume_a_run_that_is_not_paused_has_no_answer() -> None:
    control, events = control_of(["resume"])
    assert obey(control) == []
    assert events == []


@pytest.mark.parametrize(("command", "ending"), [("stop", Stop), ("abort", Abort)])
def test_a_run_ends_on_command_paused_or_not(command: str, ending: type[Exception]) -> None:
    for looks in ([[command]], [["pause"], [], [command]]):
        control, _ = control_of(*looks)
        with pytest.raises(ending):
            obey(control)


def test_an_abort_ends_an_evaluation_unless_others_wait_for_it() -> None:
    control, _ = control_of(["abort"])
    with pytest.raises(Abort):
        control.abort_evaluation_if_asked()
    control_of(["stop"])[0].abort_evaluation_if_asked()
    control_of(["abort"], group=ProcessGroup(0, 2))[0].abort_evaluation_if_asked()


def test_a_full_disk_pauses_the_run_until_it_is_told_to_resume() -> None:
    control, events = control_of([], ["save"], ["resume"])
    control.wait_for_room(Path("best.pt"), FULL)
    problem = "best.pt cannot be written: No space left on device"
    assert [event.get("message", event.get("reason")) for event in events] == [
        f"{problem}; make room, then resume",
        problem,
        None,
    ]
    assert states(events) == ["paused", "running"]


def test_a_run_that_waits_for_room_ends_on_command() -> None:
    with pytest.raises(RunError, match="what was saved before is whole"):
        control_of([], ["stop"])[0].wait_for_room(Path("best.pt"), FULL)
    with pytest.raises(Abort):
        control_of(["abort"])[0].wait_for_room(Path("best.pt"), FULL)
