"""Of all tools of an MCP server, the few that a conversation needs: a filter of ``tools/list``.

python examples/mcp_top_tools.py outputs/first "How much do I owe?" npx -y some-server
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from typing import Any

from mcp import Client, StdioServerParameters, stdio_client
from mcp.types import Tool

from trm_engine import Router


def top_tools(router: Router, messages: Any, tools: Sequence[Tool], count: int = 8) -> list[Tool]:
    """The likeliest tools, of the call to make now or after the next answer.

    Tools that the model does not know come last, in their own order.
    """
    route = router.route(messages, [tool.model_dump(by_alias=True) for tool in tools])
    now = route.call_probability
    shares = {
        name: now * share + (1 - now) * route.next_tools[name]
        for name, share in route.tools.items()
    }
    return sorted(tools, key=lambda tool: -shares.get(tool.name, 0.0))[:count]


async def tools_of(command: Sequence[str]) -> list[Tool]:
    """The tools that an MCP server lists."""
    server = StdioServerParameters(command=command[0], args=list(command[1:]))
    found: list[Tool] = []
    async with Client(stdio_client(server)) as client:
        page = await client.list_tools()
        found += page.tools
        while page.next_cursor:
            page = await client.list_tools(cursor=page.next_cursor)
            found += page.tools
    return found


if __name__ == "__main__":
    path, said, *server = sys.argv[1:]
    for each in top_tools(Router.load(path), said, asyncio.run(tools_of(server))):
        print(each.name)
