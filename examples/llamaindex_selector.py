"""The router as a selector of LlamaIndex: which tool, or query engine, is asked next.

python examples/llamaindex_selector.py outputs/first "How much do I owe?"
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from llama_index.core.base.base_selector import BaseSelector, SelectorResult, SingleSelection
from llama_index.core.schema import QueryBundle
from llama_index.core.tools import ToolMetadata

from trm_engine import Route, Router


class RouterSelector(BaseSelector):
    """Selects the tool that is called now or, if none is, the one that is called next."""

    def __init__(self, router: Router) -> None:
        self.router = router

    def _select(self, choices: Sequence[ToolMetadata], query: QueryBundle) -> SelectorResult:
        return _selected(self.router.route(query.query_str, _offered(choices)), choices)

    async def _aselect(self, choices: Sequence[ToolMetadata], query: QueryBundle) -> SelectorResult:
        return _selected(await self.router.aroute(query.query_str, _offered(choices)), choices)

    def _get_prompts(self) -> dict[str, Any]:
        return {}

    def _update_prompts(self, prompts: dict[str, Any]) -> None: ...


def _offered(choices: Sequence[ToolMetadata]) -> list[dict[str, Any]]:
    return [choice.to_openai_tool(skip_length_check=True) for choice in choices]


def _selected(route: Route, choices: Sequence[ToolMetadata]) -> SelectorResult:
    shares = route.tools if route.decision == "tool_call" else route.next_tools
    ranked = [shares.get(choice.get_name(), 0.0) for choice in choices]
    best = max(range(len(ranked)), key=ranked.__getitem__)
    if not ranked[best]:
        raise ValueError("the router knows none of the choices")
    reason = f"{route.decision}, probability of this tool {ranked[best]:.3f}"
    return SelectorResult(selections=[SingleSelection(index=best, reason=reason)])


if __name__ == "__main__":
    router = Router.load(sys.argv[1])
    known = [ToolMetadata(description="", name=name) for name in router.tools]
    print(RouterSelector(router).select(known, sys.argv[2]).selections[0])
