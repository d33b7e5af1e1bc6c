"""Service: what the interfaces of a server share."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msgspec import to_builtins

from trm_engine.inference.route import Route
from trm_engine.serving.engine import Answered, Engine
from trm_engine.serving.metrics import Metrics
from trm_engine.serving.settings import Settings
from trm_engine.serving.texts import Kept, Served, TextLog, now

if TYPE_CHECKING:
    from trm_engine.serving.upstream import Upstream


@dataclass
class Service:
    """A server's settings, model and figures.

    ``upstream`` is the server behind it, and ``texts`` where conversations are kept, if there are
    such. ``started`` is in seconds since 1970.
    """

    settings: Settings
    engine: Engine
    metrics: Metrics
    upstream: Upstream | None = None
    texts: TextLog | None = None
    started: float = field(default_factory=time.time)

    def note(self, interface: str, answered: Answered, is_forwarded: bool = False) -> None:
        """Count an answer, and keep its conversation if that is wanted."""
        outcome = "forward" if is_forwarded else outcome_of(answered.route)
        self.metrics.count_route(interface, answered.route, outcome)
        if self.texts:
            time = now()
            self.texts.keep(lambda: kept_of(answered, interface, outcome, time))

    def close(self) -> None:
        """Answer what waits, and write what was answered."""
        self.engine.close()
        if self.texts:
            self.texts.close()


def outcome_of(route: Route) -> str:
    """What becomes of an answer: "call", "answer" or "abstain"."""
    if route.abstains:
        return "abstain"
    return "call" if route.makes_calls else "answer"


def kept_of(answered: Answered, interface: str, outcome: str, time: float) -> Kept:
    """A question and its answer, to be kept."""
    route, conversation = answered.route, answered.question.conversation
    return Kept(
        history=[turn.model_dump(mode="json") for turn in conversation.history],
        tools=[tool.model_dump(mode="json") for tool in conversation.tools],
        served=Served(
            time=time,
            model=answered.model.name,
            interface=interface,
            outcome=outcome,
            decision=route.decision,
            calls=[{"name": each.name, "arguments": each.arguments} for each in route.calls],
            slots=to_builtins(route.slots),
            confidence=route.confidence,
            q=route.q,
            reason=route.abstains,
        ),
    )
