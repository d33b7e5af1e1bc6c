"""Decisions: OpenAI's interface for questions about an input. ``POST /v1/decisions``."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct, field
from starlette.requests import Request
from starlette.responses import Response

from trm_engine.serving.bodies import check_counts, decoded, read_body
from trm_engine.serving.problems import Problem, too_large
from trm_engine.serving.questions import Knowledge
from trm_engine.serving.replies import reply, route_headers
from trm_engine.serving.service import Service

INTERFACE = "decisions"

Text = str | list[Any]


class Option(Struct):
    """A choice. Text and a truth value with the same name are two choices."""

    value: str | bool
    description: str = ""


class Level(Struct):
    """A level of a score."""

    label: str
    description: str = ""


class Predicate(Struct, tag="predicate"):
    """How likely is it that something is so?"""

    instructions: Text
    name: str | None = None


class Choice(Struct, tag="choice"):
    """Which of these is it?"""

    instructions: Text
    choices: list[Option]
    name: str | None = None


class Score(Struct, tag="score"):
    """How much is it? The model has learnt no scores, so this is refused."""

    instructions: Text
    levels: list[Level]
    name: str | None = None


class DecisionRequest(Struct):
    """Questions about a text or a conversation."""

    input: str | list[dict[str, Any]]
    questions: list[Predicate | Choice | Score]
    model: str = ""


class PredicateAnswer(Struct, kw_only=True, tag="predicate"):
    """The probability that it is so."""

    name: str | None
    probability: float


class OptionProbability(Struct):
    """The probability of one choice."""

    value: str | bool
    probability: float


class ChoiceAnswer(Struct, kw_only=True, tag="choice"):
    """The likeliest choice, its probability, and that of each."""

    name: str | None
    choice: str | bool
    confidence: float
    probabilities: list[OptionProbability]


class Refusal(Struct, kw_only=True, tag="refusal"):
    """The model cannot tell."""

    name: str | None


class DecisionUsage(Struct):
    """The tokens that the model read; it writes none."""

    input_tokens: int
    total_tokens: int
    output_tokens: int = 0
    input_tokens_details: dict[str, int] = field(
        default_factory=lambda: {"cache_write_tokens": 0, "cached_tokens": 0}
    )
    output_tokens_details: dict[str, int] = field(default_factory=lambda: {"reasoning_tokens": 0})


class Decision(Struct, kw_only=True):
    """The answers, in the order of the questions."""

    model: str
    answers: list[PredicateAnswer | ChoiceAnswer | Refusal]
    usage: DecisionUsage


async def decide(service: Service, request: Request) -> Response:
    """Answer a request."""
    limits = service.settings.limits
    body = await read_body(request, limits)
    asked = decoded(body, DecisionRequest)
    _check(asked)
    if len(asked.questions) > limits.questions:
        raise too_large("questions", limits.questions, "questions")
    items = asked.input if isinstance(asked.input, str) else list(map(_item, asked.input))
    check_counts(items, None, limits)
    answered = await service.engine.ask(items, size=len(body), param="input")
    route = answered.route
    service.note(INTERFACE, answered)
    knowledge = Knowledge(route)
    decision = Decision(
        model=answered.model.name,
        answers=[_answer(question, knowledge) for question in asked.questions],
        usage=DecisionUsage(route.tokens, route.tokens),
    )
    return reply(decision, headers=route_headers(route))


def _check(asked: DecisionRequest) -> None:
    if not asked.questions:
        raise Problem(400, "questions: expected at least one", "invalid_value", "questions")
    for number, question in enumerate(asked.questions):
        place = f"questions[{number}]"
        if isinstance(question, Choice):
            values = [(type(each.value), each.value) for each in question.choices]
            if len(values) < 2 or len(set(values)) < len(values):
                message = f"{place}.choices: expected at least two different choices"
                raise Problem(400, message, "invalid_value", f"{place}.choices")
        if isinstance(question, Score) and not question.levels:
            message = f"{place}.levels: expected at least one level"
            raise Problem(400, message, "invalid_value", f"{place}.levels")


def _answer(
    question: Predicate | Choice | Score, knowledge: Knowledge
) -> PredicateAnswer | ChoiceAnswer | Refusal:
    name = question.name
    instructions = _text(question.instructions)
    if isinstance(question, Predicate):
        chance = knowledge.chance(name, instructions)
        if chance is not None:
            return PredicateAnswer(name=name, probability=chance)
    elif isinstance(question, Choice):
        values = [each.value for each in question.choices]
        texts = [each for each in values if isinstance(each, str)]
        truths = [each for each in values if isinstance(each, bool)]
        if not texts:
            chances = knowledge.yes_or_no(name, instructions, truths)
        else:
            chances = None if truths else knowledge.choice(texts)
        if chances is not None:
            best = max(range(len(values)), key=chances.__getitem__)
            options = list(map(OptionProbability, values, chances))
            return ChoiceAnswer(
                name=name, choice=values[best], confidence=chances[best], probabilities=options
            )
    return Refusal(name=name)


def _item(item: dict[str, Any]) -> dict[str, Any]:
    """An item of the input, with parts that are JSON as text."""
    content = item.get("content")
    if not isinstance(content, list):
        return item
    return {**item, "content": [_part(part) for part in content]}


def _part(part: Any) -> Any:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind == "input_json":
        return {"type": "input_text", "text": msgspec.json.encode(part.get("data")).decode()}
    if kind == "input_image":
        raise Problem(400, "input: the model reads texts, no images", "invalid_value", "input")
    return part


def _text(instructions: Text) -> str:
    """The text of instructions; "" if they are more than text."""
    if isinstance(instructions, str):
        return instructions
    texts = [part.get("text") for part in instructions if isinstance(part, dict)]
    return "".join(text for text in texts if isinstance(text, str))
