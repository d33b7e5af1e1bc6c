"""`trm-tui watch` and `trm-tui runs` without a screen; the run that they attach to."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.screens.fake_run import FakeRun
from trm_tui.cli import app
from trm_tui.sessions.run import AttachedRun


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "outputs").mkdir()
    return tmp_path


def trm(*arguments: object) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)))


def finished(path: Path) -> FakeRun:
    run = FakeRun(path, total=10)
    run.begin()
    run.train(10)
    run.evaluate()
    run.end("finished")
    return run


def test_a_finished_run_is_told_again(workplace: Path) -> None:
    finished(workplace / "outputs" / "first")
    result = trm("watch", "outputs/first")
    assert result.exit_code == 0
    assert "Decision Confusion Matrix" in result.stdout
    assert "run folder       outputs/first" in result.stdout


def test_the_newest_run_is_meant_if_none_is_named(workplace: Path) -> None:
    finished(workplace / "outputs" / "newest")
    assert "outputs/newest" in trm("watch").stdout


def test_no_run_at_all_names_the_command_that_begins_one() -> None:
    result = trm("watch")
    assert result.exit_code == 2
    assert "trm-tui init && trm-tui train trm.yaml" in result.stderr
    Path("configs").mkdir()
    Path("configs/default.yaml").touch()
    assert "trm-tui train configs/default.yaml" in trm("watch").stderr


def test_a_misspelt_run_is_guessed(workplace: Path) -> None:
    finished(workplace / "outputs" / "default-1")
    result = trm("watch", "outputs/defualt-1")
    assert result.exit_code == 2
    assert "outputs/default-1" in result.stderr


def test_a_live_run_is_followed_to_its_end(workplace: Path) -> None:
    run = FakeRun(workplace / "outputs" / "live", total=20)
    run.begin()
    run.train(10)

    def go_on() -> None:
        time.sleep(0.5)
        run.train(10)
        run.end("finished")

    thread = threading.Thread(target=go_on)
    thread.start()
    result = trm("watch", "outputs/live")
    thread.join()
    assert result.exit_code == 0
    assert "step 20/20" in result.stdout


def test_a_lost_run_says_so(workplace: Path) -> None:
    run = FakeRun(workplace / "outputs" / "lost")
    run.begin()
    run.end(None)
    result = trm("watch", "outputs/lost")
    assert result.exit_code == 1
    assert "exited without reporting" in result.stderr


def test_runs_as_a_table_and_for_machines(workplace: Path) -> None:
    assert "No run in outputs" in trm("runs").stdout
    finished(workplace / "outputs" / "first")
    assert "finished" in trm("runs").stdout
    (told,) = json.loads(trm("runs", "--json").stdout)
    assert told["path"] == "outputs/first"
    assert (told["state"], told["step"], told["total_steps"]) == ("finished", 10, 10)
    assert told["best"]["exact_match"] == pytest.approx(0.4)
    assert told["best"]["metric"] == "exact_match_values"
    assert told["best"]["value"] == told["best"]["exact_match_values"]
    figure = f"exact_match_values {told['best']['value']:.4f}"
    assert figure in trm("runs", "--plain").stdout


def test_a_folder_of_runs_that_is_not_there() -> None:
    result = trm("runs", "elsewhere")
    assert result.exit_code == 2
    assert "elsewhere" in result.stderr


# The attached run -------------------------------------------------------------------------------


def drained(run: FakeRun) -> AttachedRun:
    attached = run.attach()
    attached.drain(10.0)
    attached.look()
    return attached


def test_a_run_is_lost_only_when_nobody_works_on_it(tmp_path: Path) -> None:
    run = FakeRun(tmp_path / "run")
    run.begin()
    attached = drained(run)
    assert attached.state == "running"
    assert attached.was_live
    run.end(None)
    attached._looked = 0.0
    attached.look()
    assert attached.state == "lost"
    assert attached.is_over


def test_a_run_whose_configuration_was_damaged_is_shown(tmp_path: Path) -> None:
    run = finished(tmp_path / "run")
    run.folder.config.write_text("model: {hiden_size: 3}", encoding="utf-8")
    attached = drained(run)
    assert attached.state == "finished"
    assert "hiden_size" in attached.how_to_resume()


def test_an_end_of_an_earlier_start_is_not_that_of_a_resumed_run(tmp_path: Path) -> None:
    run = FakeRun(tmp_path / "run")
    run.begin()
    run.end("stopped")
    time.sleep(0.01)
    attached = AttachedRun(run.folder, since=time.time())
    attached.drain(10.0)
    assert attached.state == "starting"
    time.sleep(0.01)
    run.event("state", state="running")
    attached.drain(10.0)
    assert attached.state == "running"


def test_commands_wait_until_they_are_answered(tmp_path: Path) -> None:
    run = FakeRun(tmp_path / "run")
    run.begin()
    attached = drained(run)
    for command in ("pause", "evaluate", "save", "detach"):  # nothing answers the last
        assert attached.send(command)
    assert set(attached.waiting) == {"pause", "evaluate", "save"}
    for command in ("evaluate", "save", "pause"):
        assert attached.send(command)
    assert run.commands() == ["pause", "evaluate", "save", "detach", "pause"]
    run.event("state", state="paused", reason="asked to")
    run.evaluate()
    attached.drain(10.0)
    assert set(attached.waiting) == {"save"}
    run.event("state", state="stopping")  # the worker reads no more commands
    attached.drain(10.0)
    assert not attached.waiting
    attached.send("detach")
    run.end("finished")
    attached.drain(10.0)
    assert not attached.waiting


def test_silence_is_noticed_while_the_run_should_speak(tmp_path: Path) -> None:
    run = FakeRun(tmp_path / "run")
    run.begin()
    attached = drained(run)
    assert attached.silence() is None
    attached.store.last_event -= 100
    assert attached.silence() == pytest.approx(100, abs=5)
    run.event("state", state="paused", reason="asked to")
    attached.drain(10.0)
    attached.store.last_event -= 100
    assert attached.silence() is None
