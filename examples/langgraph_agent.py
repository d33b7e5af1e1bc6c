"""An agent as a graph: the router decides, LangGraph calls the tools.

Needs a server: trm-tui serve outputs/first --upstream https://api.example.com/v1

    python examples/langgraph_agent.py http://127.0.0.1:8321 "How much do I owe?"
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from langchain_core.tools import BaseTool, tool
from langchain_openai import ChatOpenAI
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition


def agent(url: str, tools: Sequence[BaseTool], **options: Any) -> Any:
    """A graph that calls tools until the answer is a text. Options such as ``tool_choice``."""
    router = ChatOpenAI(model="router", base_url=f"{url}/v1", api_key="none")
    model = router.bind_tools(tools, **options)

    def decide(state: MessagesState) -> dict[str, Any]:
        return {"messages": [model.invoke(state["messages"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("decide", decide)
    graph.add_node("tools", ToolNode(tools))
    graph.add_edge(START, "decide")
    graph.add_conditional_edges("decide", tools_condition)
    graph.add_edge("tools", "decide")
    return graph.compile()


@tool
def check_bill(contract_id: str) -> str:
    """Amount and state of a bill."""
    return f"The bill of {contract_id} is paid."


if __name__ == "__main__":
    said = agent(sys.argv[1], [check_bill]).invoke({"messages": [("user", sys.argv[2])]})
    print(said["messages"][-1].content)
