"""Style: how a user writes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from trm_engine.data.telecom.dice import Dice

_WORD = re.compile(r"[A-Za-z']+")
_SHORT_FORMS = {
    "please": "pls", "you": "u", "are": "r", "your": "ur", "number": "nr", "thanks": "thx",
    "because": "bc", "about": "abt", "internet": "inet", "technician": "tech",
    "contract": "contr", "and": "n", "okay": "k",
}  # fmt: skip


@dataclass(frozen=True)
class Style:
    """A style of writing: capitals, full stops, short forms, typing errors."""

    lower: bool
    punctuated: bool
    comma: bool  # between sentences that have no full stop
    short: bool
    typos: float

    @staticmethod
    def draw(dice: Dice) -> Style:
        sloppy = dice.chance(0.5)
        return Style(
            lower=sloppy or dice.chance(0.1),
            punctuated=not (sloppy and dice.chance(0.6)),
            comma=dice.chance(0.5),
            short=sloppy and dice.chance(0.4),
            typos=dice.pick((0.0, 0.02, 0.06)) if sloppy else dice.pick((0.0, 0.01)),
        )

    def write(self, dice: Dice, sentences: Sequence[str]) -> str:
        """Join sentences into one text. Placeholders stay."""
        text = ""
        for sentence in sentences:
            text = self._append(text, self._spell(dice, sentence))
        return text if self.punctuated else text.rstrip(".!")

    def _append(self, text: str, sentence: str) -> str:
        ended = not text or text[-1] in ".!?"
        if not self.punctuated:
            text = text.rstrip(".!,")
            comma = "," if self.comma and text and not text.endswith("?") else ""
            return f"{text}{comma} {sentence}".strip()
        if text.endswith(","):
            return f"{text} {sentence}"
        if not self.lower:
            sentence = sentence[:1].upper() + sentence[1:]
        return f"{text}{'' if ended else '.'} {sentence}".strip()

    def _spell(self, dice: Dice, sentence: str) -> str:
        # split() with a group alternates: words, placeholder, words, ...
        parts = re.split(r"(\{\w+\})", sentence)
        parts[::2] = [self._words(dice, part) for part in parts[::2]]
        return "".join(parts)

    def _words(self, dice: Dice, text: str) -> str:
        text = _WORD.sub(lambda word: self._word(dice, word[0]), text)
        return text.lower() if self.lower else text

    def _word(self, dice: Dice, word: str) -> str:
        if self.short and word.lower() in _SHORT_FORMS and dice.chance(0.6):
            return _SHORT_FORMS[word.lower()]
        return _mistype(dice, word) if len(word) > 3 and dice.chance(self.typos) else word


def _mistype(dice: Dice, word: str) -> str:
    """Swap two letters, drop one or double one, but not the first."""
    place = 1 + dice.below(len(word) - 2)
    before, letter, after = word[:place], word[place], word[place + 1 :]
    return dice.pick(
        (before + after[0] + letter + after[1:], before + after, before + letter + letter + after)
    )
