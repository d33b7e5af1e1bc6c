"""Too long: conversations of which the model does not read the whole."""

from __future__ import annotations

import numpy as np

from trm_engine.data.problems.kind import Kind, Table

KIND = Kind(
    name="too-long",
    title="Text that is cut off",
    explanation=(
        "The conversation has more tokens than data.max_length, so its oldest turns are left out, "
        "or a tool turn has more than data.max_tool_tokens, so its end is."
    ),
    repair="Raise data.max_length or data.max_tool_tokens, or shorten what tools answer.",
    cost="medium",
)


def find(
    tokens: np.ndarray, tool_tokens: np.ndarray, max_length: int, max_tool_tokens: int | None
) -> Table:
    """Samples over the limits. ``tokens`` [N]: of each; ``tool_tokens`` [N]: longest tool turn."""
    tables = [Table.of(np.flatnonzero(tokens > max_length), f"longer than {max_length:,} tokens")]
    if max_tool_tokens is not None:
        rows = np.flatnonzero(tool_tokens > max_tool_tokens)
        tables.append(Table.of(rows, f"a tool turn longer than {max_tool_tokens:,} tokens"))
    return Table.joined(tables)
