"""Asked: what models answered last, and the supervision step that is looked at."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

from trm_engine.inference.halting import halting_step
from trm_tui.store.draft import Draft

Record = Mapping[str, Any]


class Asked:
    """The newest answers to ``predict`` requests by model, and the draft that they are about.

    The step is the last one until another is chosen. The halting threshold is the models' own
    until it is moved.
    """

    def __init__(self) -> None:
        self.draft = Draft()
        self._answers: Mapping[Hashable, Record] = {}
        self._step: int | None = None
        self._threshold: float | None = None

    def answered(self, draft: Draft, answers: Mapping[Any, Record]) -> None:
        """These are the answers now."""
        self.draft, self._answers = draft, dict(answers)

    def knows(self, draft: Draft, models: Iterable[Hashable]) -> bool:
        """Whether these models' answers are known already: the draft differs in nothing they see.

        Then the answers are about this draft.
        """
        is_same = draft.record() == self.draft.record() and set(models) == self._answers.keys()
        if is_same:
            self.draft = draft
        return is_same

    def forget(self) -> None:
        """There is no answer."""
        self.answered(Draft(), {})

    @property
    def step(self) -> int:
        """The step that is looked at, from 0."""
        last = max(self._count() - 1, 0)
        return last if self._step is None else min(self._step, last)

    def move_step(self, steps: int) -> None:
        """Look at a step so many further on."""
        last = max(self._count() - 1, 0)
        chosen = min(max(self.step + steps, 0), last)
        self._step = None if chosen == last else chosen

    def move_threshold(self, change: float) -> None:
        """Halt at a q that is higher or lower by so much."""
        known = [answer["halt_threshold"] for answer in self._answers.values()]
        now = self._threshold if self._threshold is not None else (known or [0.5])[0]
        self._threshold = round(min(max(now + change, 0.0), 1.0), 3)

    def answer(self, model: Hashable) -> Record | None:
        """A model's answer, halting at the threshold that was chosen; None if there is none."""
        answer = self._answers.get(model)
        if answer is None or self._threshold is None:
            return answer
        halts_at = halting_step((each["q"] for each in answer["steps"]), self._threshold)
        return {**answer, "halt_threshold": self._threshold, "halts_at": halts_at}

    def prediction(self, model: Hashable) -> dict[str, Any] | None:
        """A model's answer at the step looked at, as ``trm-tui predict`` prints it."""
        answer = self._answers.get(model)
        if answer is None:
            return None
        prediction: dict[str, Any] = answer["steps"][self.step]["prediction"]
        return prediction

    def standing(self, model: Hashable) -> str:
        """What must be known of a model's answer, in a few words."""
        answer = self._answers.get(model)
        unknown = answer["unknown_tools"] if answer else ()
        return f"unknown: {', '.join(unknown)}" if unknown else ""

    def _count(self) -> int:
        """The steps that all models have."""
        return min((len(answer["steps"]) for answer in self._answers.values()), default=0)
