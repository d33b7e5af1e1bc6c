"""System One: the same questions in the interface of System One. ``POST /v1/systemone``.

Questions have names. This interface has no answer for what a model cannot tell: such a question has
an answer of type ``refusal``, which its clients leave out.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from trm_engine.serving.bodies import check_counts, decoded, read_body
from trm_engine.serving.problems import Problem, too_large
from trm_engine.serving.questions import Knowledge
from trm_engine.serving.replies import reply, route_headers
from trm_engine.serving.service import Service

INTERFACE = "systemone"
TURNS = ("messages", "history", "conversation", "turns", "items", "input")
"""Keys of a state that is a conversation."""


class Noul(Struct, tag="noul"):
    """Is it so?"""

    instructions: Any = None
    criteria: dict[str, Any] | None = None


class Choice(Struct, tag="choice"):
    """Which of these is it?"""

    criteria: dict[str, Any]
    instructions: Any = None


class Score(Struct, tag="score"):
    """How much is it? The model has learnt no scores, so this is refused."""

    criteria: list[Any]
    instructions: Any = None


class Box(Struct, tag="box"):
    """Where is it in an image? The model reads no images, so this is refused."""

    instructions: Any = None


class SystemOneRequest(Struct):
    """Questions by name about a state: a text, a conversation, or any JSON."""

    state: str | dict[str, Any] | list[Any]
    questions: dict[str, Noul | Choice | Score | Box]
    model: str = ""
    assets: dict[str, Any] | None = None


class NoulAnswer(Struct, tag="noul"):
    """The probability that it is so."""

    noul: float


class ChoiceAnswer(Struct, tag="choice"):
    """The likeliest choice, its probability, and that of each."""

    choice: str
    confidence: float
    probabilities: dict[str, float]


class Refusal(Struct, tag="refusal"):
    """The model cannot tell."""


class Usage(Struct):
    """The tokens that the model read; it writes none."""

    input_tokens: int
    output_tokens: int = 0


class SystemOneResponse(Struct):
    """The answers by the names of the questions."""

    model: str
    answers: dict[str, NoulAnswer | ChoiceAnswer | Refusal]
    usage: Usage


async def answer(service: Service, request: Request) -> Response:
    """Answer a request."""
    limits = service.settings.limits
    body = await read_body(request, limits)
    asked = decoded(body, SystemOneRequest)
    if not asked.questions:
        raise Problem(422, "at least one question is required", "too_short", "questions")
    if len(asked.questions) > limits.questions:
        raise too_large("questions", limits.questions, "questions", 422)
    if asked.assets:
        raise Problem(422, "the model reads texts, no images", "invalid_value", "assets")
    messages = conversation_in(asked.state)
    check_counts(messages, None, limits)
    answered = await service.engine.ask(messages, size=len(body), param="state")
    route = answered.route
    service.note(INTERFACE, answered)
    knowledge = Knowledge(route)
    found = {name: _answer(name, each, knowledge) for name, each in asked.questions.items()}
    response = SystemOneResponse(answered.model.name, found, Usage(route.tokens))
    return reply(response, headers=route_headers(route))


def conversation_in(state: str | dict[str, Any] | list[Any]) -> str | list[Any]:
    """The conversation that a state is or has; any other state is what one user says."""
    if isinstance(state, str):
        return state
    for found in (state, *((state.get(key) for key in TURNS) if isinstance(state, dict) else ())):
        if isinstance(found, list) and found and all(map(_is_turn, found)):
            return found
    return msgspec.json.encode(state).decode()


def _is_turn(value: Any) -> bool:
    return isinstance(value, dict) and ("role" in value or "type" in value)


def _answer(
    name: str, question: Noul | Choice | Score | Box, knowledge: Knowledge
) -> NoulAnswer | ChoiceAnswer | Refusal:
    asked = question.instructions if isinstance(question.instructions, str) else ""
    if isinstance(question, Noul):
        chance = knowledge.chance(name, asked)
        if chance is not None:
            return NoulAnswer(chance)
    elif isinstance(question, Choice):
        options = list(question.criteria)
        chances = knowledge.choice(options)
        if chances is not None:
            shares = dict(zip(options, chances, strict=True))
            best = max(options, key=shares.__getitem__)
            return ChoiceAnswer(best, shares[best], shares)
    return Refusal()
