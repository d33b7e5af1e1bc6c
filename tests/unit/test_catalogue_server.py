"""Tools of running MCP servers: they are started, asked and ended."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from trm_engine.data.catalogue import Catalogue
from trm_engine.data.catalogue.server import ServerError, read_server_tools
from trm_engine.data.fields import ConvertError

OFFICIAL = """
import sys
from typing import Literal
from pydantic import BaseModel
from mcp.server.mcpserver import MCPServer

print("\\033[31mnoise", file=sys.stderr)
server = MCPServer("demo")

class Place(BaseModel):
    city: str
    code: int | None = None

@server.tool()
def heat(amount: int, unit: Literal["celsius", "kelvin"] = "celsius",
         place: Place | None = None) -> str:
    "Heats a place"
    return "ok"

server.run()
"""

BY_HAND = """
import json, os, sys, time
OPTIONS = sys.argv[1:]
print("pid", os.getpid(), file=sys.stderr)
if "pid" in OPTIONS:
    open(OPTIONS[OPTIONS.index("pid") + 1], "w").write(f"{os.getpid()}\\n")
if "fails" in OPTIONS:
    sys.exit("no \\033[1m token")
if "noise" in OPTIONS:
    print("this is no JSON", flush=True)

def listed(params):
    if "empty" in OPTIONS:
        return {"tools": []}
    cursor = (params or {}).get("cursor")
    if cursor is None:
        return {"tools": [{"name": "one", "inputSchema": {"type": "object"}}], "nextCursor": "2"}
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    return {"tools": [{"name": "two", "inputSchema": schema}]}

for line in sys.stdin:
    asked = json.loads(line)
    if "silent" in OPTIONS or "id" not in asked:
        continue
    answer = {"jsonrpc": "2.0", "id": asked["id"]}
    if asked["method"] == "initialize":
        answer["result"] = {"protocolVersion": asked["params"]["protocolVersion"],
                            "capabilities": {"tools": {}},
                            "serverInfo": {"name": "x", "version": "1"}}
    elif asked["method"] == "tools/list" and "error" not in OPTIONS:
        answer["result"] = listed(asked.get("params"))
    else:
        answer["error"] = {"code": -32601, "message": "not here"}
    print(json.dumps(answer), flush=True)
if "stays" in OPTIONS:
    time.sleep(600)
"""

SHORT = 60.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("servers")
    (folder / "official.py").write_text(OFFICIAL)
    (folder / "by_hand.py").write_text(BY_HAND)
    return folder


def command(folder: Path, script: str, *options: str) -> str:
    return shlex.join([sys.executable, str(folder / script), *options])


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_tools_of_a_server(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    found = read_server_tools(command(folder, "official.py"), SHORT)
    function = {
        "name": "heat",
        "description": "Heats a place",
        "parameters": {
            "type": "object",
            "properties": {
                "amount": {"type": "integer"},
                "unit": {"type": "string", "enum": ["celsius", "kelvin"], "default": "celsius"},
                "place": {
                    "type": "object",
                    "properties": {"city": {"type": "string"}, "code": {"type": "integer"}},
                    "required": ["city"],
                },
            },
            "required": ["amount"],
        },
    }
    assert found == Catalogue([{"type": "function", "function": function}])
    assert capfd.readouterr() == ("", "")


def test_all_pages_are_read_and_noise_is_not(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    found = read_server_tools(command(folder, "by_hand.py", "noise"), SHORT)
    assert [tool["function"]["name"] for tool in found.tools] == ["one", "two"]
    assert found.warnings == []
    assert capfd.readouterr() == ("", "")


def test_a_server_that_fails_is_quoted(folder: Path) -> None:
    with pytest.raises(ServerError) as error:
        read_server_tools(command(folder, "by_hand.py", "fails"), SHORT)
    assert str(error.value).endswith("\n  no \\x1b[1m token")
    assert "by_hand.py fails': " in str(error.value)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("", "expected the command of an MCP server, such as"),
        ("'npx", "No closing quotation"),
        ("/nonesuch/server", "cannot be started: No such file or directory"),
    ],
)
def test_what_is_no_server(given: str, problem: str) -> None:
    with pytest.raises(ServerError, match=problem):
        read_server_tools(given, SHORT)


def test_an_error_in_place_of_tools(folder: Path) -> None:
    with pytest.raises(ServerError, match="failed: not here"):
        read_server_tools(command(folder, "by_hand.py", "error"), SHORT)


def test_a_server_without_tools(folder: Path) -> None:
    with pytest.raises(ConvertError, match="it lists none"):
        read_server_tools(command(folder, "by_hand.py", "empty"), SHORT)


def test_a_silent_server_is_ended(folder: Path, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    with pytest.raises(ServerError, match=r"no answer within 0\.5 seconds|timed out"):
        asked = command(folder, "by_hand.py", "silent", "stays", "pid", str(pid))
        read_server_tools(asked, 0.5)
    assert not pid.exists() or not is_alive(int(pid.read_text()))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_server_ends_when_its_reader_is_ended(folder: Path, tmp_path: Path) -> None:
    """By a signal that nothing else handles, while it waits for the server."""
    pipe = tmp_path / "pid"
    os.mkfifo(pipe)
    asked = command(folder, "by_hand.py", "silent", "stays", "pid", str(pipe))
    code = f"from trm_engine.data.catalogue.server import *; read_server_tools({asked!r})"
    reader = subprocess.Popen([sys.executable, "-c", code])
    pid = int(pipe.read_text())
    reader.send_signal(signal.SIGTERM)
    assert reader.wait(60) == 128 + signal.SIGTERM
    assert not is_alive(pid)
