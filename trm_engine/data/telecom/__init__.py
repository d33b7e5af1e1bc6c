"""The built-in data set: generated customer service of an internet and mobile provider.

A conversation has two sides. The simulated *user* (`user.py`) is a persona with values, a style of
writing and a list of requests, who forgets, corrects, digresses and mentions other people's data.
The *assistant* follows a fixed policy (`policy.py`), which depends only on what the user has said
and on the tools' responses.

Each decision of the assistant is one sample. Labels follow from the policy, never from chance.
"""

from __future__ import annotations

from collections.abc import Iterator

from trm_engine.data.telecom.conversation import Dialogue, Sample
from trm_engine.data.telecom.dice import Dice
from trm_engine.data.telecom.schema import INTENTS, PARAMETERS, SLOTS, TOOLS

__all__ = ["INTENTS", "PARAMETERS", "SLOTS", "TOOLS", "generate_samples"]


def generate_samples(conversations: int, seed: int = 0) -> Iterator[Sample]:
    """Generate the samples of ``conversations`` conversations, in order.

    The result is the same on every machine. Conversation i depends only on (seed, i), so a larger
    number keeps the earlier ones.
    """
    for index in range(conversations):
        yield from Dialogue(Dice(f"telecom/{seed}/{index}")).play()
