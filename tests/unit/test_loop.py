"""The training loop in the process of the test: what it does between updates, and how it ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.events import Record
from tests.trainers import tiny_config, trainer_of
from trm_engine.checkpoints.file import load_checkpoint
from trm_engine.errors import Abort
from trm_engine.runs.commands import COMMANDS
from trm_engine.training.loop import Trainer


class AtUpdate:
    """Gives a command after some update."""

    def __init__(self, trainer: Trainer, step: int, command: str) -> None:
        self._trainer, self._step, self._command = trainer, step, command

    def __call__(self) -> list[str]:
        return [self._command] if self.wants(self._command) else []

    def wants(self, *wanted: str) -> bool:
        return self._trainer.moment.step == self._step and self._command in wanted


def trainer_in(folder: Path, events: list[Record], **training: Any) -> Trainer:
    return trainer_of(tiny_config(folder, max_steps=3, **training), events)


def command(trainer: Trainer, step: int, word: str) -> None:
    trainer._control._commands = AtUpdate(trainer, step, word)


def kinds(events: list[Record]) -> list[str]:
    names = {"checkpoint": "kind", "state": "state"}
    return [event[names.get(event["type"], "type")] for event in events]


def test_a_run_to_the_end(tmp_path: Path) -> None:
    events: list[Record] = []
    trainer = trainer_in(tmp_path, events, save_interval=2, eval_interval=100)
    assert trainer.run() == "finished"
    told = [kind for kind in kinds(events) if kind != "eval_progress"]
    assert told[0] == "running"
    assert told[-3:] == ["last", "final", "final"]
    assert told.index("eval") < told.index("best")
    assert "step" in told
    for name in ("model.pt", "model_ema.pt", "checkpoints/last.pt", "checkpoints/step_2.pt"):
        assert (tmp_path / name).is_file()


def test_a_stop_saves_and_an_abort_does_not(tmp_path: Path) -> None:
    for word in ("stop", "abort"):
        folder = tmp_path / word
        folder.mkdir()
        events: list[Record] = []
        trainer = trainer_in(folder, events)
        command(trainer, 2, word)
        if word == "stop":
            assert trainer.run() == "stopped"
            assert kinds(events)[-2:] == ["stopping", "last"]
            assert load_checkpoint(trainer.checkpoints.path("last"))["global_step"] == 2
        else:
            with pytest.raises(Abort):
                trainer.run()
            assert not trainer.checkpoints.path("last").exists()


def test_every_command_is_obeyed(tmp_path: Path) -> None:
    """The worker obeys a detach, run control what pauses and ends a run, the loop all others."""
    others = {"detach", "pause", "resume", "stop", "abort"}
    assert trainer_in(tmp_path, [])._actions.keys() | others == COMMANDS.keys()


def test_an_error_keeps_a_state_that_can_be_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also an error after the weights have changed: the update counts as a whole."""
    events: list[Record] = []
    trainer = trainer_in(tmp_path, events, batch_size=2)
    real, calls = trainer._update._table, iter([False, True])

    def table(losses: list[Any]) -> Any:
        if next(calls):
            raise ConnectionError("the other process is gone")
        return real(losses)

    monkeypatch.setattr(trainer._update, "_table", table)
    with pytest.raises(ConnectionError):
        trainer.run()
    saved = load_checkpoint(trainer.checkpoints.path("last"), to_resume=True)
    assert saved["global_step"] == saved["data_state"]["position"] == 2
    assert saved["scheduler_state_dict"]["last_epoch"] == 2


def test_an_error_is_raised_even_if_nothing_can_be_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[Record] = []
    trainer = trainer_in(tmp_path, events)
    monkeypatch.setattr(trainer, "_after_update", lambda: 1 // 0)
    monkeypatch.setattr(trainer.checkpoints, "write_once", lambda *_: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        trainer.run()
    assert "last.pt could not be saved" in events[-1]["message"]
