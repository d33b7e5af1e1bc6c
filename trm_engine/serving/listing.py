"""Listing: which model a server has. ``GET /v1/models``, in OpenAI's form and System One's."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from trm_engine.serving.engine import Model
from trm_engine.wording import counted

OWNER = "trm-tui"


def models(model: Model) -> dict[str, Any]:
    """The one model, for clients of both forms."""
    labels = model.router.predictor.labels
    tools = f"{counted(len(labels.tools), 'tool')}, {counted(len(labels.slots), 'slot')}"
    return {
        "object": "list",
        "data": [openai_model(model)],
        "models": [
            {
                "name": model.name,
                "description": f"Tiny Recursive Model: {tools}",
                "release_date": datetime.fromtimestamp(model.created, UTC).date().isoformat(),
            }
        ],
    }


def openai_model(model: Model) -> dict[str, Any]:
    """The model as OpenAI's clients read it."""
    return {"id": model.name, "object": "model", "created": model.created, "owned_by": OWNER}
