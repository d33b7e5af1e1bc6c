"""Questions: what the model can say about a conversation when it is asked by name.

A question is about one of the things that the model was trained to tell: whether there is a call
(``tool_call``, ``direct_answer``), whether it is of a tool (the tool's name), whether a fact is
known (the slot's name). Its name says which; else its instructions, if they are nothing but the
name. ``tool:NAME`` and ``slot:NAME`` tell a tool and a slot with one name apart. Any other question
is refused: the model would only guess.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from trm_engine.inference.route import Route

CALL, ANSWER = "tool_call", "direct_answer"
NO_CALL = (ANSWER, "none")
"""Names of the choice that no tool is called."""


class Knowledge:
    """What a route says, by name."""

    def __init__(self, route: Route) -> None:
        call = route.call_probability
        self.tools = {folded(name): call * chance for name, chance in route.tools.items()}
        slots = {folded(name): chance for name, chance in route.slot_probabilities.items()}
        self._chances: dict[str, float] = {
            **slots,
            **self.tools,
            **{f"slot:{name}": chance for name, chance in slots.items()},
            **{f"tool:{name}": chance for name, chance in self.tools.items()},
            CALL: call,
            ANSWER: 1 - call,
        }

    def chance(self, name: str | None, instructions: str) -> float | None:
        """The probability that what a question asks is so; None if the model cannot tell."""
        for text in (name, instructions):
            if text and (found := self._chances.get(folded(text))) is not None:
                return found
        return None

    def choice(self, options: Sequence[str]) -> list[float] | None:
        """The probability of each of several next actions; None if the model cannot tell.

        Options are tools and "direct_answer", or "tool_call" and "direct_answer". What is no option
        is left out, so that they add up to 1.
        """
        chances = [self._action(folded(option)) for option in options]
        if len(options) < 2 or len(set(map(folded, options))) < len(options):
            return None
        known = [each for each in chances if each is not None]
        if len(known) < len(options) or sum(known) <= 0:
            return None
        return [each / sum(known) for each in known]

    def yes_or_no(
        self, name: str | None, instructions: str, options: Sequence[bool]
    ) -> list[float] | None:
        """The probabilities of True and False; None if the model cannot tell."""
        chance = self.chance(name, instructions)
        if chance is None or sorted(options) != [False, True]:
            return None
        return [chance if option else 1 - chance for option in options]

    def _action(self, option: str) -> float | None:
        if option in NO_CALL:
            return self._chances[ANSWER]
        if option == CALL:
            return self._chances[CALL]
        return self.tools.get(option.removeprefix("tool:"))


def folded(name: str) -> str:
    """A name without case, and with every separator alike."""
    return re.sub(r"[\s_.-]+", "_", name.strip().casefold())
