"""Service: what the interfaces of a server share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trm_engine.serving.engine import Engine
from trm_engine.serving.metrics import Metrics
from trm_engine.serving.settings import Settings

if TYPE_CHECKING:
    from trm_engine.serving.upstream import Upstream


@dataclass
class Service:
    """A server's settings, model and figures, and the server behind it, if there is one."""

    settings: Settings
    engine: Engine
    metrics: Metrics
    upstream: Upstream | None = None
