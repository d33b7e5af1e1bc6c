"""An agent whose tools are typed functions.

Needs a server: trm-tui serve outputs/first --upstream https://api.example.com/v1

    python examples/pydantic_ai_agent.py http://127.0.0.1:8321 "How much do I owe?"
"""

from __future__ import annotations

import sys

from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider


def model_at(url: str) -> OpenAIChatModel:
    """The router as a model of pydantic-ai."""
    provider = OpenAIProvider(base_url=f"{url}/v1", api_key="none")
    return OpenAIChatModel("router", provider=provider)


def check_bill(contract_id: str) -> str:
    """Amount and state of a bill."""
    return f"The bill of {contract_id} is paid."


if __name__ == "__main__":
    print(Agent(model_at(sys.argv[1]), tools=[check_bill]).run_sync(sys.argv[2]).output)
