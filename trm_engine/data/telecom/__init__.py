"""The built-in data set: customer service of an internet and mobile provider, made on the spot.

A conversation is played by two sides. The *user* (`user.py`) is simulated: a persona with values, a
way of writing and a list of things to get done, who forgets, corrects, digresses and mentions
other people's data. The *assistant* follows a fixed policy (`policy.py`), a function of what the
user has said so far and of what the tools have answered.

Every decision of the assistant is one sample. Labels follow from the policy, never from chance.
"""

from __future__ import annotations

from collections.abc import Iterator

from trm_engine.data.telecom.conversation import Dialogue, Sample
from trm_engine.data.telecom.dice import Dice
from trm_engine.data.telecom.schema import INTENTS, PARAMETERS, SLOTS, TOOLS

__all__ = ["INTENTS", "PARAMETERS", "SLOTS", "TOOLS", "generate_samples"]


def generate_samples(conversations: int, seed: int = 0) -> Iterator[Sample]:
    """The samples of that many conversations, in order.

    A pure function of its arguments, the same on every machine. Conversation i depends on
    (seed, i) alone: asking for more conversations keeps the earlier ones.
    """
    for index in range(conversations):
        yield from Dialogue(Dice(f"telecom/{seed}/{index}")).play()
