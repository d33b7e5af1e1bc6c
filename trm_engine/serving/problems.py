"""Problems: why a request is refused, in the form of each interface."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

OPENAI_TYPES = {401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error"}


@dataclass
class Problem(Exception):
    """A request that cannot be answered.

    Attributes:
        status: HTTP status.
        message: what is wrong, where, and what was expected.
        code: short name of the kind of problem.
        param: the field of the request, if there is one.
        headers: headers of the response.
    """

    status: int
    message: str
    code: str
    param: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.message


def openai_form(problem: Problem) -> dict[str, Any]:
    """As OpenAI's servers say it."""
    kind = "server_error" if problem.status >= 500 else "invalid_request_error"
    return {
        "error": {
            "message": problem.message,
            "type": OPENAI_TYPES.get(problem.status, kind),
            "param": problem.param,
            "code": problem.code,
        }
    }


def system_one_form(problem: Problem) -> dict[str, Any]:
    """As System One's servers say it."""
    place = ["body", *filter(None, (problem.param or "").split("."))]
    return {"detail": [{"loc": place, "msg": problem.message, "type": problem.code}]}


def too_large(what: str, largest: int, param: str | None = None, status: int = 400) -> Problem:
    """More of something than a request may have."""
    message = f"expected at most {largest:,} {what}"
    return Problem(status, message, "too_large", param)
