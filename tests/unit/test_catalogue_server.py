"""Tools of running MCP servers: they are started, asked and ended."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT
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

SHORT = 60.0


def command(*options: str) -> str:
    return shlex.join([sys.executable, str(ROOT / "tests" / "mcp_server.py"), *options])


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_tools_of_a_server(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    script = tmp_path / "official.py"
    script.write_text(OFFICIAL)
    found = read_server_tools(shlex.join([sys.executable, str(script)]), SHORT)
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


def test_all_pages_are_read_and_noise_is_not(capfd: pytest.CaptureFixture[str]) -> None:
    found = read_server_tools(command("noise"), SHORT)
    assert [tool["function"]["name"] for tool in found.tools] == ["one", "two"]
    assert found.warnings == []
    assert capfd.readouterr() == ("", "")


def test_a_server_that_fails_is_quoted() -> None:
    with pytest.raises(ServerError) as error:
        read_server_tools(command("fails"), SHORT)
    assert str(error.value).endswith("\n  no \\x1b[1m token")
    assert "mcp_server.py fails': " in str(error.value)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("", "expected the command of an MCP server, such as"),
        ("'npx", "No closing quotation"),
        ("https://mcp.example/sse", "expected a command; only servers that talk over standard"),
        ("/nonesuch/server", "cannot be started: No such file or directory"),
    ],
)
def test_what_is_no_server(given: str, problem: str) -> None:
    with pytest.raises(ServerError, match=problem):
        read_server_tools(given, SHORT)


@pytest.mark.parametrize(
    ("option", "problem"),
    [
        ("error", "failed: not here"),
        ("wrong", r"its answer is none of MCP's: tools\.0\.inputSchema: Field required"),
    ],
)
def test_other_answers_than_tools(option: str, problem: str) -> None:
    with pytest.raises(ServerError, match=problem):
        read_server_tools(command(option), SHORT)


def test_a_server_without_tools() -> None:
    with pytest.raises(ConvertError, match="it lists none"):
        read_server_tools(command("empty"), SHORT)


def test_a_silent_server_is_ended(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    with pytest.raises(ServerError, match=r"no answer within 0\.5 seconds|timed out"):
        asked = command("silent", "stays", "pid", str(pid))
        read_server_tools(asked, 0.5)
    assert not pid.exists() or not is_alive(int(pid.read_text()))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_server_ends_when_its_reader_is_ended(tmp_path: Path) -> None:
    """By a signal that nothing else handles, while it waits for the server."""
    pipe = tmp_path / "pid"
    os.mkfifo(pipe)
    asked = command("silent", "stays", "pid", str(pipe))
    code = f"from trm_engine.data.catalogue.server import *; read_server_tools({asked!r})"
    reader = subprocess.Popen([sys.executable, "-c", code])
    pid = int(pipe.read_text())
    reader.send_signal(signal.SIGTERM)
    assert reader.wait(60) == 128 + signal.SIGTERM
    assert not is_alive(pid)
