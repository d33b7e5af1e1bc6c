"""LogLine: one line of a run's log."""

from __future__ import annotations

from dataclasses import dataclass

from trm_engine.runs.schema.fields import Level


@dataclass(frozen=True, slots=True)
class LogLine:
    """A message at time ``t`` (Unix seconds), with the update (``step``) if known."""

    t: float
    level: Level
    message: str
    step: int | None = None
