"""Predictor: from conversations to predictions, at every supervision step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec.structs import replace
from pydantic import ValidationError

from trm_engine.checkpoints.parts import Checkpoint, explained, token_limits
from trm_engine.config import ModelConfig
from trm_engine.data.catalogue_tokens import CatalogueTokens
from trm_engine.data.declared import declared_of
from trm_engine.data.encoding import padded, tool_mask
from trm_engine.data.label_builder import extended
from trm_engine.data.labels import Labels
from trm_engine.data.samples import Conversation, Function, Tool, Turn
from trm_engine.data.tokenizer import Encoding, TRMTokenizer
from trm_engine.data.values import unflatten
from trm_engine.errors import CheckpointError, TokenizerError
from trm_engine.exports.folder import GRAPHS_ONLY_ANSWER, is_graph, read_manifest
from trm_engine.inference.arguments import read_arguments
from trm_engine.inference.backend import backend_of, read_checkpoint
from trm_engine.inference.calibration import Calibration
from trm_engine.inference.carried import called_fields
from trm_engine.inference.certainty import below, certainty, doubt
from trm_engine.inference.decoding import Decoded, decode, predicted_tool
from trm_engine.inference.field_value import FieldValue
from trm_engine.inference.halting import halts
from trm_engine.inference.read_batch import Catalogue, ReadBatch
from trm_engine.inference.readings import Readings, joined
from trm_engine.inference.token_texts import TokenTexts
from trm_engine.inference.values import (
    argument_values,
    missing_arguments,
    slot_values,
)
from trm_engine.runs.schema.answers import Call, Prediction

if TYPE_CHECKING:
    from trm_engine.models.trm import TRMForToolCalling

KEPT_CATALOGUES = 64
"""Catalogues whose readings are kept, beside the model's own."""

MOST_CALLS = 8
"""Calls that are made together at most."""


class FullPrediction(Prediction, frozen=True, kw_only=True):
    """A prediction with the probability of every tool.

    ``tool_probabilities`` are those of the call; for a direct answer, those of the next call.
    """

    tool_probabilities: dict[str, float]


class Predictor:
    """Predicts with the model of a checkpoint. All probabilities are calibrated.

    Attributes:
        calibration: that of the checkpoint.
        abstain_below: answers less sure than this are marked as abstentions. It is the
            calibration's, and may be set.
        offered: the tools on offer where a conversation lists none; by default all that the model
            knows. It may be set.

    Args:
        checkpoint: from ``load_checkpoint``.
        device: "auto", "cpu", "cuda", ...
        raw: use the raw weights instead of their moving average, uncalibrated.
        graphs: the folder of a model that runs on onnxruntime, whose checkpoint has no weights.
        threads: of the processor; by default all for torch, one for onnxruntime.

    Raises:
        CheckpointError: the configuration is invalid, or the weights do not match it.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        device: str = "auto",
        raw: bool = False,
        graphs: Path | None = None,
        threads: int | None = None,
    ) -> None:
        try:
            settings = ModelConfig.model_validate(checkpoint["config"].get("model"))
            self.labels = Labels.from_dict(checkpoint["labels"])
            self.tokenizer = TRMTokenizer(checkpoint["tokenizer"])
            sizes = {"vocab_size": self.tokenizer.vocab_size, **self.labels.sizes()}
            self.config = settings.sized(**sizes)
            self.max_length, self.max_tool_tokens = token_limits(checkpoint["config"])
            self.calibration = Calibration.of(checkpoint, self.labels, raw)
        except ValidationError as error:
            problem = explained(error)
            part = error.title if error.title == Calibration.__name__ else "configuration"
            raise CheckpointError(
                f"the checkpoint's {part.lower()} is invalid: {problem}"
            ) from None
        except ValueError as error:
            raise CheckpointError(f"the checkpoint cannot predict: {error}") from None
        self.abstain_below = self.calibration.abstain_below
        self.offered: list[Tool] = []
        self.metrics: dict[str, Any] | None = checkpoint.get("metrics")
        self.backend = backend_of(checkpoint, self.config, device, raw, graphs, threads)
        self._own: Readings | None = None
        self._catalogues: dict[tuple[object, ...], Catalogue] = {}

    @property
    def model(self) -> TRMForToolCalling:
        """The model itself, for what judges it or takes it apart.

        Raises:
            CheckpointError: it was exported as graphs, which only answer.
        """
        model: TRMForToolCalling | None = getattr(self.backend, "model", None)
        if model is None:
            raise CheckpointError(GRAPHS_ONLY_ANSWER)
        return model

    @classmethod
    def load(
        cls,
        path: str | Path,
        device: str = "auto",
        raw: bool = False,
        threads: int | None = None,
    ) -> Predictor:
        """Load a checkpoint file or an exported model. Raises CheckpointError, which names it."""
        path = Path(path)
        if is_graph(path):
            checkpoint = read_manifest(path.parent).checkpoint(path.parent)
            return cls.of_file(path, checkpoint, device, raw, path.parent, threads)
        return cls.of_file(path, read_checkpoint(path), device, raw, threads=threads)

    @classmethod
    def of_file(
        cls,
        path: str | Path,
        checkpoint: Checkpoint,
        device: str = "auto",
        raw: bool = False,
        graphs: Path | None = None,
        threads: int | None = None,
    ) -> Predictor:
        """Use a checkpoint loaded from ``path``. Raises CheckpointError, which names the file."""
        try:
            return cls(checkpoint, device, raw, graphs, threads)
        except (CheckpointError, TokenizerError) as error:
            raise CheckpointError(f"{path}: {error}") from None

    def predict(
        self,
        conversations: Sequence[Conversation],
        steps: int | None = None,
        halt_threshold: float | None = None,
    ) -> list[FullPrediction]:
        """The prediction for each conversation at its halting step, else at the last step."""
        answers = self._answers(conversations, steps, halt_threshold)
        return self.with_further_calls(conversations, answers, steps, halt_threshold)

    def with_further_calls(
        self,
        conversations: Sequence[Conversation],
        answers: Sequence[FullPrediction],
        steps: int | None = None,
        halt_threshold: float | None = None,
    ) -> list[FullPrediction]:
        """The answers with all calls that are made together.

        A model that has learnt them is asked again, with the call appended, until it answers,
        repeats a call, or has made MOST_CALLS. Other models are not asked.
        """
        whole = list(answers)
        asked = dict(enumerate(conversations)) if self.labels.calls_together else {}
        for _ in range(MOST_CALLS - 1):
            asked = {
                row: _after(asked[row], whole[row].calls[-1]) for row in asked if whole[row].calls
            }
            further = self._answers([*asked.values()], steps, halt_threshold)
            for row, answer in zip([*asked], further, strict=True):
                whole[row] = self._with_confidence(whole[row], answer.confidence)
                if answer.tool is None or answer.tool in whole[row].calls:
                    del asked[row]
                    continue
                whole[row] = replace(
                    whole[row],
                    calls=[*whole[row].calls, answer.tool],
                    missing={**answer.missing, **whole[row].missing},
                )
        return whole

    def _with_confidence(self, answer: FullPrediction, further: float) -> FullPrediction:
        """The answer if a further decision is right with this probability, too."""
        confidence = answer.confidence * further
        reason = answer.abstain_reason or below(confidence, self.abstain_below)
        return replace(
            answer,
            confidence=confidence,
            abstain=confidence < self.abstain_below,
            abstain_reason=reason,
        )

    def _answers(
        self,
        conversations: Sequence[Conversation],
        steps: int | None,
        halt_threshold: float | None,
    ) -> list[FullPrediction]:
        """The prediction of one decision of each conversation."""
        if not conversations:
            return []
        batch = self.read(conversations)
        answers: list[FullPrediction | None] = [None] * len(conversations)
        for number, decoded in enumerate(self.decode_steps(batch, steps), 1):
            for row in range(len(conversations)):
                halted = answers[row] is not None and _halts(answers[row], halt_threshold)
                if not halted:
                    answers[row] = self.answer(batch, decoded, row, number)
            if all(_halts(answer, halt_threshold) for answer in answers):
                break
        return [answer for answer in answers if answer is not None]

    def predict_steps(
        self, conversation: Conversation, steps: int | None = None
    ) -> list[FullPrediction]:
        """The predictions for one conversation at steps 1, 2, ..."""
        batch = self.read([conversation])
        return [
            self.answer(batch, decoded, 0, number)
            for number, decoded in enumerate(self.decode_steps(batch, steps), 1)
        ]

    def encode(self, history: Sequence[Turn]) -> Encoding:
        """The tokens of a history, truncated as in training."""
        return self.tokenizer.encode_turns(history, self.max_length, self.max_tool_tokens)

    def read(self, conversations: Sequence[Conversation]) -> ReadBatch:
        """Encode at least one conversation for the model."""
        conversations = [self._with_tools(each) for each in conversations]
        encodings = [self.encode(each.history) for each in conversations]
        texts = [
            TokenTexts.of(each.history, read.turns, read.begins, read.ends)
            for each, read in zip(conversations, encodings, strict=True)
        ]
        catalogue = self.catalogue(conversations)
        masks = [tool_mask(each, catalogue.labels) for each in conversations]
        arrays = {**padded(encodings), "tool_mask": np.stack(masks)}
        return ReadBatch(catalogue, conversations, encodings, texts, arrays)

    def catalogue(self, conversations: Sequence[Conversation] = ()) -> Catalogue:
        """What the model knows of the tools on offer: if all conversations list some, only those.

        What is known of a new tool is its definition. Catalogues are kept.
        """
        functions = {
            tool.function.digest: tool.function for each in conversations for tool in each.tools
        }
        new = [each for each in functions.values() if not self.labels.knows(each)]
        is_listed = bool(functions) and all(each.tools for each in conversations)
        named = functions if is_listed else (each.digest for each in new)
        key = (is_listed, *sorted(named))
        found = self._catalogues.get(key)
        if found is None:
            found = self._with_new_tools(sorted(new, key=lambda each: each.digest))
            if is_listed:
                tools = {found.labels.tool_of(each) for each in functions.values()}
                found = found.narrowed(sorted(tools))
            if len(self._catalogues) >= KEPT_CATALOGUES:
                del self._catalogues[next(iter(self._catalogues))]
            self._catalogues[key] = found
        return found

    def read_catalogue(self, labels: Labels) -> Readings:
        """What the model reads of labels."""
        return self.backend.read(CatalogueTokens.of(labels, self.tokenizer))

    def _with_new_tools(self, new: Sequence[Function]) -> Catalogue:
        """The model's own tools and new ones; only these are read."""
        if self._own is None:
            self._own = self.read_catalogue(self.labels)
        labels = extended(self.labels, new)
        if labels is self.labels:
            return Catalogue(labels, self._own, self.calibration)
        whole = CatalogueTokens.of(labels, self.tokenizer)
        tools = np.arange(len(self.labels.tools), whole.num_tools)
        args = np.arange(len(self.labels.args), whole.num_args)
        readings = joined(self._own, self.backend.read(whole.narrowed(tools, args)), whole)
        return Catalogue(labels, readings, self.calibration)

    def _with_tools(self, conversation: Conversation) -> Conversation:
        if conversation.tools or not self.offered:
            return conversation
        return conversation.model_copy(update={"tools": self.offered})

    def decode_steps(
        self, batch: ReadBatch, steps: int | None = None, only_present: bool = False
    ) -> Iterator[Decoded]:
        """Yield the decoded output of steps 1, 2, ...; by default as many as in training.

        With ``only_present``, without the spans of fields that are predicted to have no value.
        """
        arrays, catalogue = batch.arrays, batch.catalogue
        steps, widest = steps or self.config.N_supervision, self.config.max_span_tokens
        called = called_fields(batch.labels, batch.texts)
        for logits in self.backend.steps(catalogue.readings, arrays, steps):
            decoded = decode(logits, arrays, widest, only_present, called)
            yield catalogue.calibration.decoded(decoded)

    def answer(self, batch: ReadBatch, decoded: Decoded, row: int, step: int) -> FullPrediction:
        """The prediction for one conversation of a batch at one step."""
        labels, probabilities = batch.labels, decoded.coming_tools(row)
        tool = predicted_tool(probabilities)
        calls = bool(decoded.decision[row] > 0.5)
        made: list[Call] = []
        values: list[FieldValue] = []
        if calls and tool >= 0:
            values = self.arguments(batch, decoded, row, tool)
            made = [Call(labels.name_of(tool), unflatten(argument_values(values)))]
        lacks = missing_arguments(decoded, row, tool, labels, values) if tool >= 0 else {}
        presences = decoded.slot_presence[row].tolist()
        confidence = certainty(decoded, row, labels, self.calibration)
        return FullPrediction(
            decision="tool_call" if calls else "direct_answer",
            decision_probability=float(decoded.decision[row]),
            tool=made[0] if made else None,
            calls=made,
            tool_probabilities=batch.by_tool(row, probabilities),
            slots=slot_values(decoded, row, labels, batch.texts[row]),
            slot_probabilities=dict(zip(labels.slot_names, presences, strict=True)),
            missing=lacks,
            q=float(decoded.q[row]),
            confidence=confidence,
            abstain=confidence < self.abstain_below,
            abstain_reason=doubt(decoded, row, labels, confidence, self.abstain_below),
            steps_used=step,
        )

    def arguments(
        self, batch: ReadBatch, decoded: Decoded, row: int, tool: int
    ) -> list[FieldValue]:
        """The likeliest value of every parameter of ``tool``, including those predicted absent."""
        declarations = declared_of(batch.conversations[row].tools, batch.labels.name_of(tool))
        return read_arguments(decoded, row, tool, batch.labels, batch.texts[row], declarations)


def _after(conversation: Conversation, call: Call) -> Conversation:
    """A conversation in which a call was made, and no response has come."""
    turn = Turn(role="tool_call", content={"name": call.name, "arguments": call.arguments})
    return conversation.model_copy(update={"history": [*conversation.history, turn]})


def _halts(answer: FullPrediction | None, threshold: float | None) -> bool:
    return bool(threshold is not None and answer and halts(answer.q, threshold))
