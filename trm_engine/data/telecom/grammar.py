"""Templates for wordings, with choices and values.

A template is plain text with three marks: ``(a|b|)`` is a choice, ``<can>`` is a choice that many
templates share, ``{phone}`` is a value. Sentences start in lower case; the speaker's style
(``style.py``) adds capitals and full stops.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from trm_engine.data.telecom.dice import Dice

SHARED = {
    "can": "(can|could|would|will) you (please|kindly|)",
    "want": "(I want to|I'd like to|I would like to|I need to|I have to|I'm trying to)",
    "may": "(can I|could I|may I|is it possible to|would it be possible to)",
    "router": "(router|modem|box|wifi router)",
    "expert": "(a technician|an engineer|a repairman|a service person)",
}
_SHARED_MARK = re.compile(r"<(\w+)>")
_CHOICE = re.compile(r"\(([^()]*)\)")
_SPACES = re.compile(r" +")
_SPACE_BEFORE_MARK = re.compile(r" +([,.?!:])")
PLACEHOLDER = re.compile(r"\{(\w+)\}")


def expand(dice: Dice, template: str) -> str:
    """Make all choices in a template. Placeholders stay."""
    text = _SHARED_MARK.sub(lambda mark: SHARED[mark[1]], template)
    while "(" in text:
        text = _CHOICE.sub(lambda choice: dice.pick(choice[1].split("|")), text)
    return _SPACE_BEFORE_MARK.sub(r"\1", _SPACES.sub(" ", text)).strip()


def fill(text: str, values: Mapping[str, str]) -> str:
    """Replace the placeholders. Values can contain braces."""
    return PLACEHOLDER.sub(lambda mark: values[mark[1]], text)
