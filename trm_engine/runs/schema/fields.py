"""Types of single fields."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

MOST = 2**53
"""Up to here, every integer is exact as a float."""

Count = Annotated[int, Meta(ge=0, le=MOST)]
AtLeastOne = Annotated[int, Meta(ge=1, le=MOST)]
Time = Annotated[float, Meta(ge=0, le=1e11)]
"""Unix seconds."""

Share = float | None
"""From 0 to 1; None without samples, or if an older run does not have it."""

State = Literal["starting", "running", "paused", "stopping", "finished", "stopped", "failed"]
Level = Literal["info", "warning", "error"]
DecisionName = Literal["tool_call", "direct_answer"]
