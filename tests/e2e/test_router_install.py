"""trm-router in a fresh environment without torch: it routes, predicts and serves."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from tests.e2e.servers import served
from tests.inspected import finished_run
from tests.support import dialogues
from trm_engine import Router
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.exports.export import export
from trm_engine.runs.folder import find_checkpoint

ROOT = Path(__file__).parents[2]
ROUTES = """
import json, sys
from trm_engine import Router
route = Router.load(sys.argv[1]).route("How much do I owe?")
print(json.dumps([route.decision, route.slots, "torch" in sys.modules]))
"""


@pytest.mark.installs
def test_a_fresh_environment_without_torch(dataset: TRMToolCallingDataset, tmp_path: Path) -> None:
    run = finished_run(tmp_path / "run", dataset).path
    folder = tmp_path / "onnx"
    export(find_checkpoint(run), folder, "onnx")
    commands = tmp_path / "environment" / "bin"
    subprocess.run([sys.executable, "-m", "venv", commands.parent], check=True)
    pip = [commands / "python", "-m", "pip"]
    wheels = tmp_path / "wheels"
    source = ROOT / "router"
    subprocess.run(
        [*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", wheels, source], check=True
    )
    [wheel] = wheels.iterdir()
    subprocess.run([*pip, "install", "--quiet", f"{wheel}[serve]"], check=True)
    listed = subprocess.run([*pip, "list"], check=True, capture_output=True, text=True).stdout
    assert "onnxruntime" in listed and "torch" not in listed

    def told(*command: str | Path, given: str = "") -> str:
        ended = subprocess.run(
            [commands / command[0], *command[1:]],
            cwd=tmp_path,  # not in the repository, whose packages would be found there
            input=given,
            check=True,
            capture_output=True,
            text=True,
        )
        return ended.stdout

    expected = Router.load(run).route("How much do I owe?")
    found = json.loads(told("python", "-c", ROUTES, folder))
    assert found == [expected.decision, expected.slots, False]

    line = json.dumps({"history": dialogues(1)[0]["history"]})
    assert json.loads(told("trm-router", "predict", folder, given=line))["slots"].keys()
    with served(folder, command=[str(commands / "trm-router"), "serve"]) as server:
        body = {"messages": "How much do I owe?"}
        answer = httpx2.post(f"{server.url}/v1/route", json=body, timeout=60).json()
        assert answer["decision"] == expected.decision
        assert server.stop() == 0
