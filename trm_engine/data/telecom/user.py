"""The simulated user: a persona with values and a style of writing.

Users forget, correct themselves, digress and mention other people's data.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trm_engine.data.telecom import assistant_phrases, opening_phrases, user_phrases
from trm_engine.data.telecom.dice import Dice
from trm_engine.data.telecom.grammar import PLACEHOLDER, expand, fill
from trm_engine.data.telecom.policy import Turn
from trm_engine.data.telecom.schema import PARAMETERS, Tool
from trm_engine.data.telecom.style import Style
from trm_engine.data.telecom.values import ENUM_WORDS, VALUES

_CODES = ("phone", "contract_id", "device_number")
_WORDY = ("name", "address", "plan")


class UserValues:
    """The user's own values, and other people's.

    No value in a conversation contains another, so that each can be found unambiguously.
    """

    def __init__(self, dice: Dice, lower: bool) -> None:
        self._dice = dice
        self._lower = lower
        self._used: list[str] = []
        self._own: dict[str, tuple[str, str]] = {}

    def own(self, param: str) -> tuple[str, str]:
        """The user's words and the value that they mean. They differ only for an enum."""
        if param not in self._own:
            self._own[param] = self._draw(param)
        return self._own[param]

    def replace(self, param: str) -> None:
        """Change the user's value, often only slightly."""
        similar = self._similar(self.own(param)[1])
        if param in _CODES and self._dice.chance(0.5) and not self._clashes(similar):
            self._used.append(similar.casefold())
            self._own[param] = similar, similar
        else:
            self._own[param] = self._draw(param)

    def other(self, kind: str) -> str:
        """Another person's value."""
        return self._draw(kind)[0]

    def fresh(self, kind: str) -> str:
        """A text that neither contains an earlier one nor is contained in it."""
        text = VALUES[kind](self._dice)
        while self._clashes(text):
            text = VALUES[kind](self._dice)
        self._used.append(text.casefold())
        return text

    def _draw(self, kind: str) -> tuple[str, str]:
        if kind in ENUM_WORDS:
            value = self._dice.pick(list(ENUM_WORDS[kind]))
            return self._dice.pick(ENUM_WORDS[kind][value]), value
        text = self.fresh(kind)
        text = text.lower() if self._lower and kind in _WORDY else text
        return text, text

    def _clashes(self, text: str) -> bool:
        text = text.casefold()
        return any(text in used or used in text for used in self._used)

    def _similar(self, text: str) -> str:
        """Change one of the later digits."""
        places = [at for at, char in enumerate(text) if char.isdigit()]
        at = self._dice.pick(places[2:] or [0])
        return text[:at] + str(self._dice.below(10)) + text[at + 1 :]


def _mark(param: str) -> str:
    return f"{{{param}}}"


def _told_at_once(required: bool, known: bool) -> float:
    """The probability that a request contains this value."""
    if known:
        return 0.06
    return 0.66 if required else 0.15


class User:
    """A customer with a personal style, whose sentences have a known meaning."""

    def __init__(self, dice: Dice) -> None:
        self._dice = dice
        self.style = Style.draw(dice)
        self.values = UserValues(dice, self.style.lower and dice.chance(0.6))

    def say(
        self, *templates: str, request: Tool | None = None, old: str = "", **meaning: Any
    ) -> Turn:
        """A turn with these sentences. It gives the user's values that they contain."""
        sentences = [expand(self._dice, template) for template in templates if template]
        text = self.style.write(self._dice, sentences)
        texts, values = {"old": old}, {}
        for mark in PLACEHOLDER.findall(text):
            if mark in PARAMETERS:
                texts[mark], values[mark] = self.values.own(mark)
            elif mark.startswith("other_"):
                texts[mark] = self.values.other(mark.removeprefix("other_"))
        return Turn(fill(text, texts), request, values, **meaning)

    def aside(self) -> Turn:
        """An irrelevant turn."""
        said, answer = self._dice.pick(
            self._dice.pick((user_phrases.SMALL_TALK, user_phrases.QUESTIONS))
        )
        if self._dice.chance(0.25):
            return self.say(
                self._dice.pick(user_phrases.OUT_OF_SCOPE), replies=assistant_phrases.APOLOGIES
            )
        return self.say(said, replies=(answer,))

    def opening(self, tool: Tool, known: Sequence[str], lead: Sequence[str] = ()) -> Turn:
        """A new request with some of its values, seldom known ones."""
        dice = self._dice
        wording = dice.pick(opening_phrases.OPENINGS[tool.name])
        held = set(PLACEHOLDER.findall(wording))
        left = [p for p in tool.required + tool.optional if p not in held]
        given = [p for p in left if dice.chance(_told_at_once(p in tool.required, p in known))]
        statements = [dice.pick(user_phrases.STATEMENTS[param]) for param in dice.shuffled(given)]
        contrast = [self._contrast(tool)] if dice.chance(0.12) else []
        distractor = [dice.pick(user_phrases.DISTRACTORS)] if dice.chance(0.12) else []
        around = dice.shuffled([*statements, *distractor])
        cut = dice.below(2) * len(around)
        return self.say(*lead, *contrast, *around[:cut], wording, *around[cut:], request=tool)

    def _contrast(self, tool: Tool) -> str:
        """A sentence about another subject."""
        unlike = [
            wordings for name, wordings in opening_phrases.CONTRASTS.items() if name != tool.name
        ]
        return self._dice.pick(self._dice.pick(unlike))

    def give(self, params: Sequence[str], extra: Sequence[str] = ()) -> Turn:
        """The requested values, bare or in sentences, sometimes with other text."""
        dice = self._dice
        if len(params) == 1:
            sentences = [self._give_one(params[0])]
        elif dice.chance(0.35):
            sentences = [", ".join(_mark(param) for param in params)]
        else:
            sentences = [dice.pick(user_phrases.STATEMENTS[param]) for param in params]
        sentences += [dice.pick(user_phrases.STATEMENTS[param]) for param in extra]
        if dice.chance(0.1):
            sentences.insert(dice.below(2) * len(sentences), dice.pick(user_phrases.DISTRACTORS))
        return self.say(*sentences)

    def _give_one(self, param: str) -> str:
        if param != "reason" and self._dice.chance(0.5):
            return self._dice.pick(user_phrases.BARE).replace("{value}", _mark(param))
        return self._dice.pick(user_phrases.STATEMENTS[param])

    def correct(self, param: str, wordings: Sequence[str], *around: str, **meaning: Any) -> Turn:
        """A corrected value for one given earlier, or in the same turn."""
        old = self.values.own(param)[0]
        self.values.replace(param)
        template = self._dice.pick(wordings).replace("{new}", _mark(param))
        template = template.replace("{noun}", assistant_phrases.NOUNS[param])
        before, after = around[:1], around[1:]
        return self.say(*before, template, *after, old=old, **meaning)
