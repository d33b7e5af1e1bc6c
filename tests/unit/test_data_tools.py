"""`trm-tui data tools`, and the tools of `data convert`: shown, written, used alike."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from tests.support import ROOT
from trm_engine.data.convert import convert_file
from trm_engine.data.label_builder import LabelBuilder
from trm_engine.data.samples import Sample
from trm_tui.cli import app

UNITS = ["celsius", "fahrenheit", "kelvin"]
PROPERTIES = {"amount": {"type": "integer"}, "unit": {"type": "string", "enum": UNITS}}
SCHEMA = {"type": "object", "properties": PROPERTIES}
NULL = {"type": "null"}
CLASS = {
    "$defs": {"Unit": {"enum": UNITS, "title": "Unit", "type": "string"}},
    "properties": {
        "amount": {"anyOf": [{"type": "integer"}, NULL], "default": None, "title": "Amount"},
        "unit": {"anyOf": [{"$ref": "#/$defs/Unit"}, NULL], "default": None},
    },
    "title": "heatArguments",
    "type": "object",
}
SHAPES: dict[str, Any] = {
    "ok": [{"name": "heat", "parameters": SCHEMA}],
    "mcp": {"tools": [{"name": "heat", "inputSchema": SCHEMA}]},
    "rpc": {
        "jsonrpc": "2.0",
        "id": 2,
        "result": {"tools": [{"name": "heat", "inputSchema": SCHEMA}]},
    },
    "anthropic": [{"name": "heat", "input_schema": SCHEMA}],
    "class": [{"name": "heat", "inputSchema": CLASS}],
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    return tmp_path


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(app, ["data", *arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def call(name: str, arguments: dict[str, Any], said: str) -> dict[str, Any]:
    """A conversation with one call."""
    function = {"name": name, "arguments": json.dumps(arguments)}
    return {
        "messages": [
            {"role": "user", "content": said},
            {"role": "assistant", "tool_calls": [{"id": "1", "function": function}]},
        ]
    }


def test_the_table_and_the_file() -> None:
    Path("tools.json").write_text(json.dumps(SHAPES["class"]))
    shown = run("tools", "tools.json", "--out", "out.json")
    assert shown.exit_code == 0
    assert "tools.json: 1 tool, 2 parameters" in shown.output
    rows = [line for line in shown.output.splitlines() if line.startswith("│")]
    cells = [[cell.strip() for cell in row.strip("│").split("│")] for row in rows]
    assert cells == [
        ["heat", "amount", "integer", ""],
        ["", "unit", "string: celsius, fahrenheit, kelvin", ""],
    ]
    assert "out.json: 1 tool" in shown.output
    piped = run("tools", "tools.json", "--out", "-")
    assert piped.stdout == Path("out.json").read_text()
    again = run("tools", "out.json", "--json")
    assert json.loads(again.stdout) == {
        "tools": json.loads(Path("out.json").read_text()),
        "problems": [],
        "warnings": [],
    }


def test_an_existing_file_is_kept_without_force() -> None:
    Path("tools.json").write_text(json.dumps(SHAPES["ok"]))
    Path("out.json").write_text("mine")
    kept = run("tools", "tools.json", "--out", "out.json")
    assert (kept.exit_code, Path("out.json").read_text()) == (2, "mine")
    assert "out.json: exists already; --force overwrites it" in kept.output
    assert run("tools", "tools.json", "--out", "out.json", "--force").exit_code == 0
    assert json.loads(Path("out.json").read_text())[0]["function"]["name"] == "heat"


def test_problems_and_warnings_are_told_and_nothing_is_written() -> None:
    bad = {"name": "cool", "input_schema": {"properties": {"a": {"type": "strng"}}}}
    Path("tools.json").write_text(json.dumps([bad, {"description": "nameless"}]))
    told = run("tools", "tools.json", "--out", "out.json")
    assert told.exit_code == 2
    assert "warning: tools.json, field 'tools[0].input_schema.properties.a.type'" in told.output
    assert "tools.json, field 'tools[1].name': expected the name of a tool" in told.output
    assert not Path("out.json").exists()


def test_names_cannot_control_the_terminal() -> None:
    name = "\x1b[31m[/b]\u202e"
    schema = {"properties": {name: {"type": "string", "enum": [name]}}}
    Path("tools.json").write_text(json.dumps([{"name": name, "parameters": schema}]))
    shown = run("tools", "tools.json").output
    assert "\\x1b[31m[/b]\\u202e" in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "expected a FILE of tools, or --mcp COMMAND"),
        (["tools.json", "--mcp", "x"], "got both"),
        (["nonesuch.json"], "nonesuch.json"),
        (["--mcp", "/nonesuch"], "cannot be started"),
    ],
)
def test_wrong_arguments(arguments: list[str], problem: str) -> None:
    Path("tools.json").write_text(json.dumps(SHAPES["ok"]))
    told = run("tools", *arguments)
    assert told.exit_code == 2
    assert problem in told.output


def test_the_tools_of_a_server_are_those_of_conversations() -> None:
    server = shlex.join([sys.executable, str(ROOT / "tests" / "mcp_server.py")])
    Path("in.jsonl").write_text(json.dumps(call("two", {"a": 1}, "two 1")))
    assert run("convert", "in.jsonl", "out.jsonl", "--mcp", server).exit_code == 0
    sample = json.loads(Path("out.jsonl").read_text())
    assert [tool["function"]["name"] for tool in sample["tools"]] == ["one", "two"]


class TestCases:
    """Tools in the shapes that people have, through to what the model may predict."""

    @pytest.mark.parametrize("shape", SHAPES)
    def test_a_schema_under_any_name_gives_types_and_choices(self, shape: str) -> None:
        Path("tools.json").write_text(json.dumps(SHAPES[shape]))
        said = [("celsius", "C"), ("fahrenheit", "F")]
        lines = [
            call("heat", {"amount": n, "unit": unit}, f"Make {n} degrees {letter}")
            for n in range(4)
            for unit, letter in said
        ]
        Path("in.jsonl").write_text("\n".join(map(json.dumps, lines)))
        builder = LabelBuilder()
        samples = list(convert_file("in.jsonl", tools_path="tools.json"))
        for sample in samples:
            builder.add(Sample.model_validate(sample))
        amount, unit = builder.build().args
        assert (amount.json_type, unit.json_type) == ("integer", "string")
        assert unit.kind == "choice"
        assert set(unit.values) == {"celsius", "fahrenheit", "kelvin"}

    def test_tools_that_nothing_lists_have_the_types_of_the_values(self) -> None:
        lines = [
            call("book", {"people": n, "window": n > 2, "price": n + 0.5, "at": "8"}, f"for {n}")
            for n in range(1, 5)
        ]
        Path("in.jsonl").write_text("\n".join(map(json.dumps, lines)))
        tools = next(iter(convert_file("in.jsonl")))["tools"]
        assert tools[0]["function"]["parameters"]["properties"] == {
            "people": {"type": "integer"},
            "window": {"type": "boolean"},
            "price": {"type": "number"},
            "at": {"type": "string"},
        }
