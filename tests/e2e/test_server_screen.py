"""`trm-tui serve --screen` and `trm-tui watch` of a server, as a person uses them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.e2e.asked import ASKED
from tests.e2e.runs import finish, tiny_run
from tests.e2e.servers import SECONDS, served
from tests.e2e.terminal import Terminal
from tests.e2e.viewers import open_screen
from tests.faults.command import TRM, trm
from tests.inspected import finished_run
from tests.support import TOOLS, dialogues, write_jsonl
from trm_engine import Router
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.data.samples import parse_sample

ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")
LIVE = re.compile(r"● live")
LEARNS = {"max_steps": 400, "eval_interval": 200, "save_interval": 400, "learning_rate": 3e-3}
"""A training after which a tiny model knows its few conversations by heart."""
WISH: list[dict[str, Any]] = [
    {"role": "system", "content": "You work for a telecom company."},
    {"role": "user", "content": "premium 7"},
]
CALL = {"name": "change_plan", "arguments": {"plan": "premium", "months": 7}}
RIGHT = {"decision": "tool_call", "tool": CALL, "slots": {"phone": "", "name": "", "plan": ""}}


@pytest.fixture(scope="module")
def folder(dataset: TRMToolCallingDataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished_run(tmp_path_factory.mktemp("runs") / "run", dataset).path


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def address_in(screen: Terminal) -> str:
    found = ADDRESS.search(screen.wait_for(LIVE))
    assert found
    return found[0]


def ask(url: str, messages: Any) -> dict[str, Any]:
    asked = {"messages": messages, "tools": TOOLS}
    answer = httpx2.post(f"{url}/v1/route", json=asked, timeout=SECONDS)
    found: dict[str, Any] = answer.json()
    return found


def test_serve_look_and_leave(folder: Path, tmp_path: Path) -> None:
    options = ("--port", 0, "--log-texts", "texts.jsonl", "--screen")
    with open_screen("serve", folder, *options, cwd=tmp_path) as screen:
        url = address_in(screen)
        for _ in range(3):
            ask(url, ASKED)
        screen.wait_for("3 requests")
        screen.press("2")
        screen.wait_for("of 3 kept, 3 shown")
        screen.wait_for("It is [phone 1]")
        screen.press("q")
        assert screen.wait_exit() == 0
        assert screen.left_behind() == []
    with pytest.raises(httpx2.HTTPError):
        httpx2.get(f"{url}/healthz")


def test_a_server_that_cannot_start_says_why(tmp_path: Path, folder: Path) -> None:
    options = ("--port", 0, "--log-texts", tmp_path, "--screen")
    with open_screen("serve", folder, *options, cwd=tmp_path) as screen:
        assert screen.wait_exit() == 2
        assert "error: --log-texts" in screen.printed()


def test_watch_a_server(folder: Path, tmp_path: Path) -> None:
    with served(folder) as server:
        ask(server.url, ASKED)
        printed = trm("watch", server.url, "--plain", cwd=tmp_path)
        assert "0 of 1 requests refused or failed" in printed.out
        with open_screen("watch", server.url, cwd=tmp_path) as screen:
            screen.wait_for("1 requests")
            screen.press("q")
            assert screen.wait_exit() == 0
        assert httpx2.get(f"{server.url}/healthz").status_code == 200
    gone = trm("watch", server.url, "--plain", cwd=tmp_path)
    assert (gone.status, "refused" in gone.err) == (2, True)


def test_without_a_terminal_there_is_no_screen(folder: Path) -> None:
    with served(folder, "--screen", command=[*TRM, "serve"]) as server:
        assert ask(server.url, ASKED)["model"] == "run"
        assert server.stop() == 0


@pytest.mark.slow
def test_from_a_wrong_answer_to_a_right_one(folder: Path, tmp_path: Path) -> None:
    """Serve, see a wrong answer, correct it on the screen, train on it, and it is right."""
    options = ("--port", 0, "--log-texts", "texts.jsonl", "--screen")
    with open_screen("serve", folder, *options, cwd=tmp_path) as screen:
        answer = ask(address_in(screen), WISH)
        made = [{"name": call["name"], "arguments": call["arguments"]} for call in answer["calls"]]
        assert made != [CALL]
        screen.press("2")
        screen.wait_for("premium 7")
        screen.press("s")
        screen.wait_for("Edit it if it is wrong")
        screen.press("tab", "f7", json.dumps(RIGHT), "shift+tab", "enter")
        screen.wait_for("✓")
        screen.press("q")
        assert screen.wait_exit() == 0
    corrected = (tmp_path / "playground.jsonl").read_bytes()
    assert parse_sample(corrected).tool

    run, config = tiny_run(tmp_path / "run", num_epochs=1000, **LEARNS)
    data = write_jsonl(tmp_path / "more.jsonl", [*dialogues(3), corrected.rstrip()])
    config.data.train_data = config.data.val_data = str(data)
    config.data.val_split = 0.0
    config.to_yaml(run.config)
    finish(run, config)
    route = Router.load(run.path).route(WISH, TOOLS)
    assert [{"name": call.name, "arguments": call.arguments} for call in route.calls] == [CALL]
