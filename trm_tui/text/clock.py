"""Local time of timestamps."""

from __future__ import annotations

from datetime import datetime
from typing import Any

UNKNOWN = "?"


def local_time(seconds: Any, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """Unix seconds as local time; "?" padded to the same width if it is not a time."""
    try:
        return datetime.fromtimestamp(seconds).strftime(form)
    except (TypeError, ValueError, OverflowError, OSError):
        return UNKNOWN.ljust(len(datetime.min.strftime(form)))
