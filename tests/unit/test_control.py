"""What a worker is told to do: by commands, and by a viewer that goes away."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.support import start_python
from trm_engine.runs.commands import CommandReader, send_command
from trm_engine.worker.control import SIGNALS, Control

SECONDS = 120
STORMED = """
import sys
from pathlib import Path
from trm_engine.worker.control import Control

control = Control(Path(sys.argv[1]), tied=False)
print("ready", flush=True)
while not Path(sys.argv[2]).exists():
    pass
print(*control())
"""


class Viewer:
    """A viewer that holds the other end of a tied worker's standard input."""

    def __init__(self, commands: Path) -> None:
        self.commands = commands
        self.worker_end, self._own_end = os.pipe()
        self._is_gone = False

    def detach(self) -> None:
        send_command(self.commands, "detach")

    def leave(self) -> None:
        """Go, if still there, and wait until the worker could know it."""
        if not self._is_gone:
            os.close(self._own_end)
            self._is_gone = True
        for thread in threading.enumerate():
            if thread.name == "viewer":
                thread.join()


@pytest.fixture
def viewer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Viewer]:
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    viewer = Viewer(tmp_path / "commands.jsonl")
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(fileno=lambda: viewer.worker_end))
    yield viewer
    viewer.leave()  # first: a thread that still reads would find its end closed
    os.close(viewer.worker_end)
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def control(viewer: Viewer) -> Control:
    return Control(viewer.commands, tied=True)


def test_a_worker_whose_viewer_goes_stops_once(viewer: Viewer, control: Control) -> None:
    assert control() == []
    viewer.leave()
    assert control() == ["stop"]
    assert control() == []


def test_a_detached_worker_goes_on(viewer: Viewer, control: Control) -> None:
    viewer.detach()
    viewer.leave()
    assert control() == []


def test_a_viewer_may_detach_and_go_while_the_worker_looks(
    viewer: Viewer, control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[Callable[[], None]] = [viewer.detach, viewer.leave]
    read = CommandReader.read

    def read_while_the_viewer_goes(reader: CommandReader) -> list[str]:
        commands = read(reader)
        while steps:
            steps.pop(0)()
        return commands

    monkeypatch.setattr(CommandReader, "read", read_while_the_viewer_goes)
    assert [control(), control(), control()] == [[], [], []]


def test_looking_for_a_command_does_not_take_it(viewer: Viewer, control: Control) -> None:
    assert not control.wants("stop", "abort")
    send_command(viewer.commands, "pause")
    assert not control.wants("stop", "abort")
    send_command(viewer.commands, "abort")
    assert control.wants("stop", "abort")
    assert not control.wants("stop")
    assert control() == ["abort"]
    assert not control.wants("stop", "abort")


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_stops(control: Control, number: signal.Signals) -> None:
    os.kill(os.getpid(), number)
    assert control.wants("stop")
    assert control() == ["stop"]
    assert control() == []


def test_signals_that_interrupt_each_other_stop_it(tmp_path: Path) -> None:
    """A handler that takes a lock waits for itself when the next signal interrupts it."""
    over = tmp_path / "over"
    stormed = start_python(STORMED, tmp_path / "commands.jsonl", over)
    assert stormed.stdout and stormed.stdout.readline() == "ready\n"
    for place in range(30_000):
        stormed.send_signal(SIGNALS[place % len(SIGNALS)])
    over.touch()
    said, _ = stormed.communicate(timeout=SECONDS)
    assert (stormed.returncode, said) == (0, "stop\n")
