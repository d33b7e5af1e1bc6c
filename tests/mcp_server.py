"""An MCP server over standard input and output, without packages, with faults on request.

Options: ``pid FILE`` writes the process's id, ``noise`` writes no JSON first, ``fails`` ends at
once, ``silent`` answers nothing, ``stays`` goes on when its input ends, ``error`` refuses to list
tools, ``empty`` lists none, ``wrong`` lists one without a schema.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PAGES: dict[str | None, dict[str, Any]] = {
    None: {"tools": [{"name": "one", "inputSchema": {"type": "object"}}], "nextCursor": "2"},
    "2": {"tools": [{"name": "two", "inputSchema": {"type": "object", "properties": {"a": {}}}}]},
}


def main(options: Sequence[str]) -> None:
    if "pid" in options:
        Path(options[options.index("pid") + 1]).write_text(f"{os.getpid()}\n")
    if "fails" in options:
        sys.exit("no \x1b[1m token")
    if "noise" in options:
        print("this is no JSON", flush=True)
        print("\x1b[31mnoise", file=sys.stderr, flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        if "silent" not in options and "id" in asked:
            found = answer(asked["method"], asked.get("params") or {}, options)
            print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], **found}), flush=True)
    if "stays" in options:
        time.sleep(600)


def answer(method: str, params: dict[str, Any], options: Sequence[str]) -> dict[str, Any]:
    if method == "initialize":
        about = {"serverInfo": {"name": "by hand", "version": "1"}, "capabilities": {"tools": {}}}
        return {"result": {"protocolVersion": params["protocolVersion"], **about}}
    if method == "tools/list" and "error" not in options:
        listed: dict[str, Any] = {"empty": {"tools": []}, "wrong": {"tools": [{"name": "x"}]}}
        asked = next((listed[each] for each in options if each in listed), None)
        return {"result": asked or PAGES[params.get("cursor")]}
    return {"error": {"code": -32601, "message": "not here"}}


if __name__ == "__main__":
    main(sys.argv[1:])
