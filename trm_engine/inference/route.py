"""Route: what the router answers to one conversation. Imports no torch."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field, to_builtins

from trm_engine.runs.schema.fields import DecisionName


class Span(Struct, frozen=True, kw_only=True):
    """Where a value stands: the characters from ``begin`` to ``end`` of a message.

    ``message`` is the number of the message in the list that was given, from 0. ``text`` are these
    characters. In a message that is JSON, such as an earlier call or the result of a tool, they
    are counted in its compact form, as the model reads it.
    """

    message: int
    begin: int
    end: int
    text: str


class RoutedCall(Struct, frozen=True, kw_only=True):
    """A call of the tool ``name``.

    ``arguments`` have the types of the tool's schema. ``probability`` is that of this tool among
    the tools on offer, given that there is a call. ``spans`` are the places of the arguments that
    were copied from the conversation.
    """

    name: str
    arguments: dict[str, Any]
    probability: float
    spans: dict[str, Span] = field(default_factory=dict)


class Route(Struct, frozen=True, kw_only=True):
    """What to do next in a conversation, and how sure the model is.

    Attributes:
        decision: "tool_call" or "direct_answer".
        calls: the calls to make now, in order; none for a direct answer.
        probability: that of the decision.
        q: the probability that decision, tool and the presence of every slot are right.
        confidence: the probability that decision, tool and arguments are right; of calls that are
            made together, all of them, and that no further one follows.
        abstains: why the answer should not be used: an argument that the tool's schema refuses, or
            a confidence below the model's threshold; "" if it can be. Calls of such an answer are
            those that were refused.
        missing: the arguments that the next call needs and nobody has given yet, with the weight
            that each has in the decision, largest first.
        tools: for each tool that the model knows, the probability that a call made now would be of
            it. Tools that are not on offer have 0.
        next_tools: the same for the call after a direct answer. ``missing`` is about that call.
        slots: the facts that are known so far, "" where none is.
        slot_probabilities: the probability that each slot has a value.
        slot_spans: the places of the slots that were copied from the conversation.
        new_tools: the tools on offer that the model was not trained with.
        steps_used: the number of supervision steps that were computed.
        tokens: the number of tokens that the model read.
        dropped_tokens: the number of tokens of old turns that it did not.
    """

    decision: DecisionName
    calls: list[RoutedCall]
    probability: float
    q: float
    confidence: float = 1.0
    abstains: str = ""
    missing: dict[str, float]
    tools: dict[str, float]
    next_tools: dict[str, float]
    slots: dict[str, str]
    slot_probabilities: dict[str, float]
    slot_spans: dict[str, Span] = field(default_factory=dict)
    new_tools: list[str] = field(default_factory=list)
    steps_used: int
    tokens: int
    dropped_tokens: int = 0

    @property
    def makes_calls(self) -> bool:
        """Whether there are calls that can be made as they are."""
        return bool(self.calls) and not self.abstains

    @property
    def call_probability(self) -> float:
        """The probability of a call, whatever was decided."""
        return self.probability if self.decision == "tool_call" else 1 - self.probability

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON-ready lists and dicts."""
        plain: dict[str, Any] = to_builtins(self)
        return plain
