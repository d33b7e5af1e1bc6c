"""What a whole screen shows, as text, and waiting for it; clocks that are the same everywhere."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from textual.app import App
from textual.pilot import Pilot


def shown(app: App[Any]) -> str:
    """All lines of the screen on top, without trailing blanks."""
    strips = app.screen._compositor.render_strips()
    return "\n".join(strip.text.rstrip() for strip in strips) + "\n"


async def until(pilot: Pilot[Any], condition: Callable[[], object]) -> None:
    """Wait for what a layout, a tick or a thread brings about, and fail if it does not come."""
    async with asyncio.timeout(60):
        while not condition():
            await pilot.pause(0.02)


@pytest.fixture
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Local time is UTC."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
