"""Answers: the newest answers of the models, and the selected supervision step."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

from msgspec import structs, to_builtins

from trm_engine.inference.halting import halting_step
from trm_engine.runs.schema.answers import Answer, Prediction
from trm_tui.store.draft import Draft


class Answers:
    """The newest answers to ``predict`` requests by model, and the draft that was sent.

    The selected step is the last one until ``move_step``. The halting threshold is the models' own
    until ``move_threshold``.
    """

    def __init__(self) -> None:
        self.draft = Draft()
        self._answers: Mapping[Hashable, Answer] = {}
        self._step: int | None = None
        self._threshold: float | None = None

    def update(self, draft: Draft, answers: Mapping[Any, Answer]) -> None:
        """Set the answers to a draft."""
        self.draft, self._answers = draft, dict(answers)

    def knows(self, draft: Draft, models: Iterable[Hashable]) -> bool:
        """Whether these models have already answered a draft with the same content.

        If so, the draft replaces the one that was sent.
        """
        is_same = draft.record() == self.draft.record() and set(models) == self._answers.keys()
        if is_same:
            self.draft = draft
        return is_same

    def clear(self) -> None:
        """Remove the answers."""
        self.update(Draft(), {})

    @property
    def step(self) -> int:
        """The selected step, from 0."""
        last = max(self._count() - 1, 0)
        return last if self._step is None else min(self._step, last)

    def move_step(self, steps: int) -> None:
        """Select another step, ``steps`` further on."""
        last = max(self._count() - 1, 0)
        chosen = min(max(self.step + steps, 0), last)
        self._step = None if chosen == last else chosen

    def move_threshold(self, change: float) -> None:
        """Raise or lower the halting threshold."""
        known = [answer.halt_threshold for answer in self._answers.values()]
        now = self._threshold if self._threshold is not None else (known or [0.5])[0]
        self._threshold = round(min(max(now + change, 0.0), 1.0), 3)

    def answer(self, model: Hashable) -> Answer | None:
        """A model's answer with the current halting threshold; None if there is none."""
        answer = self._answers.get(model)
        if answer is None or self._threshold is None:
            return answer
        halts_at = halting_step((each.prediction.q for each in answer.steps), self._threshold)
        return structs.replace(answer, halt_threshold=self._threshold, halts_at=halts_at)

    def prediction(self, model: Hashable) -> Prediction | None:
        """A model's answer at the selected step."""
        answer = self._answers.get(model)
        return answer.steps[self.step].prediction if answer else None

    def sample_answer(self, draft: Draft, model: Hashable) -> dict[str, Any] | None:
        """A model's answer to ``draft`` in a sample's format; None if it has not answered it."""
        prediction = self.prediction(model)
        if prediction is None or self.draft != draft:
            return None
        return {
            "decision": "tool_call" if prediction.tool else "direct_answer",
            "tool": to_builtins(prediction.tool) or {},
            "slots": prediction.slots,
            "content": "",
        }

    def warning(self, model: Hashable) -> str:
        """A warning about a model's answer: tools that it was not trained with."""
        answer = self._answers.get(model)
        new = answer.new_tools if answer else ()
        return f"new: {', '.join(new)}" if new else ""

    def _count(self) -> int:
        """The number of steps that all models have."""
        return min((len(answer.steps) for answer in self._answers.values()), default=0)
