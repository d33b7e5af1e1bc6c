"""Everything that knows the Tiny Recursive Model; usable without a screen.

``Router`` and ``Route`` are imported when they are used first, for they import torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trm_engine.inference.route import Route, RoutedCall, Span
    from trm_engine.inference.router import Router

__all__ = ["Route", "RoutedCall", "Router", "Span"]

_PLACES = {
    "Router": "trm_engine.inference.router",
    "Route": "trm_engine.inference.route",
    "RoutedCall": "trm_engine.inference.route",
    "Span": "trm_engine.inference.route",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'trm_engine' has no attribute '{name}'")
    return getattr(import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
