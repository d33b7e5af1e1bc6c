"""Router: decides what an assistant does next in a conversation. The library's front door."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from msgspec.structs import replace

from trm_engine.data.values import flatten, unflatten
from trm_engine.inference.batcher import Batcher
from trm_engine.inference.certainty import below, certainty, doubt
from trm_engine.inference.decoding import Decoded, predicted_tool
from trm_engine.inference.field_value import FieldValue
from trm_engine.inference.fitting import Misfit
from trm_engine.inference.halting import halts
from trm_engine.inference.predictor import MOST_CALLS, Predictor
from trm_engine.inference.question import Question, read_question, tools_of_file
from trm_engine.inference.read_batch import ReadBatch
from trm_engine.inference.route import Route, RoutedCall, Span
from trm_engine.inference.values import (
    argument_values,
    missing_arguments,
    present_texts,
    read_slots,
)
from trm_engine.runs.folder import find_checkpoint
from trm_engine.runs.schema.answers import PRESENT, Place

LARGEST_BATCH = 32
"""Number of conversations that are computed together."""


class Router:
    """Decides what an assistant does next: which tools to call, or to answer itself.

    It can be used by several threads at once.

    Args:
        predictor: the model.
        steps: number of supervision steps; by default as many as in training.
        halt_threshold: stop at the first step whose q reaches it; by default all are computed.
    """

    def __init__(
        self,
        predictor: Predictor,
        *,
        steps: int | None = None,
        halt_threshold: float | None = None,
    ) -> None:
        self.predictor = predictor
        self.steps = steps
        self.halt_threshold = halt_threshold
        self._batcher: Batcher[Question, Route] | None = None
        self._starting = threading.Lock()

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        device: str = "cpu",
        threads: int | None = None,
        raw: bool = False,
        steps: int | None = None,
        halt_threshold: float | None = None,
        tools: str | Path | None = None,
    ) -> Self:
        """Load a checkpoint file, the best checkpoint in the folder of a run, or an export.

        An export as graphs (``trm-tui export --format onnx``) runs on onnxruntime and needs no
        torch.

        Args:
            path: a file, the folder of a run, or the folder of an export.
            device: "cpu", "auto", "cuda", "cuda:1", "mps".
            threads: of the processor; by default one on onnxruntime, and what torch thinks best.
            raw: use the raw weights instead of their moving average.
            steps, halt_threshold: see the class.
            tools: a file of the tools on offer where a question lists none. By default these are
                the tools that the model was trained with. Others are read when they are first seen.

        Raises:
            CheckpointError: there is none, or it cannot be used. The message says why.
            DataError: the file of tools cannot be read.
        """
        predictor = Predictor.load(find_checkpoint(Path(path)), device, raw, threads)
        if tools is not None:
            predictor.offered = tools_of_file(Path(tools))
        return cls(predictor, steps=steps, halt_threshold=halt_threshold)

    @property
    def tools(self) -> list[str]:
        """The names of the tools that the model was trained with."""
        return list(dict.fromkeys(each.name for each in self.predictor.labels.definitions))

    @property
    def slots(self) -> list[str]:
        """The names of the facts that the model extracts."""
        return self.predictor.labels.slot_names

    def route(self, messages: Any, tools: Any = None, *, choice: str = "auto") -> Route:
        """What to do next in a conversation.

        Args:
            messages: OpenAI messages, items of OpenAI Responses, turns of training samples, or the
                text of one user.
            tools: the tools on offer, in OpenAI's, MCP's or another known shape. The model reads
                them; it need not have been trained with them. By default those of ``load``.
            choice: "auto"; "none" for no call; "required" for a call; or the tool to call.

        Raises:
            DataError: messages or tools cannot be read. The message names the place.
        """
        return self.answer([read_question(messages, tools, choice)])[0]

    def route_many(
        self, conversations: Iterable[Any], tools: Any = None, *, choice: str = "auto"
    ) -> list[Route]:
        """What to do next in each of several conversations, which are computed together."""
        questions = [read_question(each, tools, choice) for each in conversations]
        batches = range(0, len(questions), LARGEST_BATCH)
        found = [self.answer(questions[begin : begin + LARGEST_BATCH]) for begin in batches]
        return [route for batch in found for route in batch]

    async def aroute(self, messages: Any, tools: Any = None, *, choice: str = "auto") -> Route:
        """As ``route``, without blocking the event loop. Calls that wait are computed together."""
        question = read_question(messages, tools, choice)
        with self._starting:
            if self._batcher is None:
                self._batcher = Batcher(self.answer, LARGEST_BATCH)
        return await asyncio.wrap_future(self._batcher.submit(question))

    def answer(self, questions: Sequence[Question]) -> list[Route]:
        """The answers to questions, computed in one batch. See ``read_question``."""
        routes = self._decisions(questions)
        if self.predictor.labels.calls_together:
            self._add_further_calls(questions, routes)
        return routes

    def _add_further_calls(self, questions: Sequence[Question], routes: list[Route]) -> None:
        """Ask again, with the newest call appended, for the calls that are made together with it.

        It ends when the model answers, repeats a call or makes one that does not fit its schema.
        """
        asked = {row: each for row, each in enumerate(questions) if routes[row].makes_calls}
        for _ in range(MOST_CALLS - 1):
            asked = {row: each.after(routes[row].calls[-1]) for row, each in asked.items()}
            further = self._decisions([*asked.values()])
            for row, route in zip([*asked], further, strict=True):
                made = [(call.name, call.arguments) for call in routes[row].calls]
                calls = [each for each in route.calls if (each.name, each.arguments) not in made]
                routes[row] = self._with_confidence(routes[row], route.confidence)
                if not calls or not route.makes_calls:
                    del asked[row]
                    continue
                routes[row] = replace(routes[row], calls=[*routes[row].calls, *calls])

    def _with_confidence(self, route: Route, further: float) -> Route:
        """The route if a further decision is right with this probability, too."""
        confidence = route.confidence * further
        abstains = route.abstains or below(confidence, self.predictor.abstain_below) or ""
        return replace(route, confidence=confidence, abstains=abstains)

    def _decisions(self, questions: Sequence[Question]) -> list[Route]:
        """The answers, each with the first call alone.

        Conversations with the same tools on offer are computed together: what is kept of tools
        would else be that of every mixture that comes by.
        """
        groups: dict[frozenset[str], list[int]] = {}
        for row, each in enumerate(questions):
            tools = frozenset(tool.function.digest for tool in each.conversation.tools)
            groups.setdefault(tools, []).append(row)
        routes: dict[int, Route] = {}
        for rows in groups.values():
            routes |= zip(rows, self._decided([questions[row] for row in rows]), strict=True)
        return [routes[row] for row in range(len(questions))]

    def _decided(self, questions: Sequence[Question]) -> list[Route]:
        """The same for questions with the same tools."""
        batch = self.predictor.read([each.conversation for each in questions])
        last: dict[int, tuple[int, Decoded]] = {}
        active = set(range(len(questions)))
        steps = self.predictor.decode_steps(batch, self.steps, only_present=True)
        for number, decoded in enumerate(steps, 1):
            for row in active:
                last[row] = number, decoded
            if self.halt_threshold is not None:
                active = {row for row in active if not halts(decoded.q[row], self.halt_threshold)}
            if not active:
                break
        return [
            _Reader(self.predictor, batch, decoded, row, questions[row]).route(step)
            for row, (step, decoded) in sorted(last.items())
        ]


class _Reader:
    """Reads the answer to one question off the model's outputs at one step."""

    def __init__(
        self,
        predictor: Predictor,
        batch: ReadBatch,
        decoded: Decoded,
        row: int,
        question: Question,
    ) -> None:
        self.predictor = predictor
        self.labels = batch.labels
        self.batch, self.decoded, self.row = batch, decoded, row
        self.texts = batch.texts[row]
        self.question = question
        self._read: dict[int, list[FieldValue]] = {}

    def route(self, step: int) -> Route:
        predictor, decoded, row, labels = self.predictor, self.decoded, self.row, self.labels
        encoding = self.batch.encodings[row]
        probability = float(decoded.decision[row])
        is_call, calls, reason = self._calls(probability)
        coming = predicted_tool(decoded.coming_tools(row))
        made = self._values(coming) if probability > PRESENT and coming >= 0 else ()
        slots = read_slots(decoded, row, labels, self.texts)
        presences = decoded.slot_presence[row].tolist()
        confidence = certainty(decoded, row, labels, predictor.calibration)
        unsure = doubt(decoded, row, labels, confidence, predictor.abstain_below)
        return Route(
            decision="tool_call" if is_call else "direct_answer",
            calls=calls,
            probability=probability if is_call else 1 - probability,
            q=float(decoded.q[row]),
            abstains=reason or unsure or "",
            confidence=confidence,
            missing=missing_arguments(decoded, row, coming, labels, made) if coming >= 0 else {},
            tools=self._by_name(decoded.tools),
            next_tools=self._by_name(decoded.next_tools),
            slots=present_texts(slots),
            slot_probabilities=dict(zip(labels.slot_names, presences, strict=True)),
            slot_spans=self._spans(slots),
            new_tools=self.batch.new_tools(row, predictor.labels),
            steps_used=step,
            tokens=len(encoding),
            dropped_tokens=encoding.dropped_tokens + encoding.cut_tokens,
        )

    def _by_name(self, probabilities: np.ndarray) -> dict[str, float]:
        return self.batch.by_tool(self.row, probabilities[self.row])

    def _calls(self, probability: float) -> tuple[bool, list[RoutedCall], str]:
        """Whether it is a call; the calls; and why they cannot be made, if they cannot."""
        question = self.question
        if not question.may_call or not (probability > PRESENT or question.must_call):
            return False, [], ""
        probabilities = self.decoded.tools[self.row]
        tool = predicted_tool(probabilities)
        if tool < 0:
            return True, [], "the model knows none of the tools on offer"
        name = self.labels.name_of(tool)
        values = self._values(tool)
        arguments = unflatten(argument_values(values))
        reason = ""
        if schema := question.schemas.get(name):
            try:
                arguments = schema.fit(arguments)
            except Misfit as error:
                reason = f"{name}: {error}"
        kept = flatten(arguments)
        spans = {path: span for path, span in self._spans(values).items() if path in kept}
        call = RoutedCall(
            name=name, arguments=arguments, probability=float(probabilities[tool]), spans=spans
        )
        return True, [call], reason

    def _values(self, tool: int) -> list[FieldValue]:
        """The values of a tool's arguments."""
        if tool not in self._read:
            read = self.predictor.arguments(self.batch, self.decoded, self.row, tool)
            self._read[tool] = read
        return self._read[tool]

    def _spans(self, values: Iterable[FieldValue]) -> dict[str, Span]:
        """The places of the values that are predicted to be there and stand in a message."""
        given = len(self.question.messages)  # calls that were made just now are none of them
        return {
            value.field.name: self._span(value.place)
            for value in values
            if value.is_present and value.place and value.choice < 0 and value.place.turn < given
        }

    def _span(self, place: Place) -> Span:
        return Span(
            message=self.question.messages[place.turn],
            begin=place.begin,
            end=place.end,
            text=self.texts.texts[place.turn][place.begin : place.end],
        )
