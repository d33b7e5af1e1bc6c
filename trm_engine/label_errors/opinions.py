"""Opinions: what a model thinks of each sample of a dataset that it was not trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trm_engine.data.catalogue_tokens import CatalogueTokens
from trm_engine.data.collator import Batch, create_dataloader
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.data.declared import declared_of
from trm_engine.data.field import Field
from trm_engine.data.samples import Sample
from trm_engine.data.values import flatten, is_empty, unflatten
from trm_engine.inference.arguments import read_arguments
from trm_engine.inference.decoding import (
    Decoded,
    Logits,
    decode,
    predicted_tool,
    value_borders,
)
from trm_engine.inference.field_value import FieldValue
from trm_engine.inference.predictor import Predictor
from trm_engine.inference.token_texts import TokenTexts
from trm_engine.inference.values import argument_values, read_slots
from trm_engine.label_errors.suspect import FieldOpinion, Kind, Opinion
from trm_engine.models.heads import TRMOutput
from trm_engine.models.readings import Readings
from trm_engine.training.supervision import embed

BATCH_SIZE = 32
DIGITS = 5


def opinions_on(
    dataset: TRMToolCallingDataset, predictor: Predictor, done: Callable[[float], None]
) -> Iterator[Opinion]:
    """Yield the opinion on every sample, batch by batch; ``done`` is told the share."""
    with torch.inference_mode():
        readings = predictor.model.read(CatalogueTokens.of(dataset.labels, dataset.tokenizer))
    device = readings.summaries.device
    loader = create_dataloader(dataset, BATCH_SIZE, shuffle=False, whole_dialogues=True)
    finished = 0
    for batch in loader:
        on_device = {name: tensor.to(device) for name, tensor in batch.items()}
        yield from _of_batch(on_device, dataset, predictor, readings)
        finished += len(batch["sample_index"])
        done(finished / len(dataset))


@torch.inference_mode()
def _of_batch(
    batch: Batch, dataset: TRMToolCallingDataset, predictor: Predictor, readings: Readings
) -> list[Opinion]:
    model = predictor.model
    context = embed(model, batch, readings)
    output = list(model.supervision_steps(context))[-1]
    decoded = decode(Logits.of(output), batch, model.config.max_span_tokens)
    slots = _Channels("slot", output, batch, decoded.slot_spans)
    args = _Channels("arg", output, batch, decoded.arg_spans)
    return [
        _Reading(dataset, predictor, decoded, slots, args, row, index).opinion()
        for row, index in enumerate(batch["sample_index"].tolist())
    ]


class _Channels:
    """How probable labels and predictions are, for the slots or the arguments of a batch.

    All are [B, F], given that the field is filled: ``given`` the value of the label, 0 if it
    stands nowhere; ``best`` the model's value.
    """

    def __init__(self, kind: str, output: TRMOutput, batch: Batch, best: np.ndarray) -> None:
        presence = getattr(output, f"{kind}_presence_logits").sigmoid()
        self.presence = presence.cpu().numpy()
        begins, ends = value_borders(batch["text_flags"])
        starts = _over_tokens(getattr(output, f"{kind}_start_logits"), begins)
        stops = _over_tokens(getattr(output, f"{kind}_end_logits"), ends)
        spans = batch[f"{kind}_span_labels"]
        self.given = _of_spans(starts, stops, spans).cpu().numpy()
        places = torch.from_numpy(np.ascontiguousarray(best)).to(spans.device)[:, :, None]
        self.best = _of_spans(starts, stops, places).cpu().numpy()
        choices = getattr(output, f"{kind}_choice_logits")
        self.choices = choices.softmax(dim=-1).cpu().numpy()
        self.chosen = batch[f"{kind}_choice_labels"].cpu().numpy()

    def of(self, row: int, channel: int, field: Field) -> tuple[float, float]:
        """The probabilities of the label's value and of the model's, if the field is filled."""
        if field.kind != "choice":
            return float(self.given[row, channel]), float(self.best[row, channel])
        known = self.choices[row, channel, : len(field.values)]
        label = int(self.chosen[row, channel])
        return float(known[label]) if label >= 0 else 0.0, float(known.max())


def _over_tokens(logits: Tensor, allowed: Tensor) -> Tensor:
    """Probabilities over the tokens where a value can begin or end, [B, F, L]."""
    return logits.mT.masked_fill(~allowed[:, None], float("-inf")).softmax(dim=-1)


def _of_spans(starts: Tensor, ends: Tensor, spans: Tensor) -> Tensor:
    """The probability that one of the ``spans`` [B, F, M, 2] is the value; 0 if there is none."""
    first, last = spans[..., 0], spans[..., 1]
    exists = (first >= 0) & (last >= 0)
    both = starts.gather(-1, first.clamp(min=0)) * ends.gather(-1, last.clamp(min=0))
    return (both * exists).sum(dim=-1).clamp(max=1)


class _Reading:
    """The model's answer to one sample, beside the sample's labels."""

    def __init__(
        self,
        dataset: TRMToolCallingDataset,
        predictor: Predictor,
        decoded: Decoded,
        slots: _Channels,
        args: _Channels,
        row: int,
        index: int,
    ) -> None:
        self._labels = dataset.labels
        self._decoded, self._slots, self._args = decoded, slots, args
        self._row, self._line = row, dataset.line_number(index)
        self._sample: Sample = dataset.sample(index)
        self._tokens = TokenTexts.of(self._sample.history, *dataset.token_offsets(index))

    def opinion(self) -> Opinion:
        tools = self._decoded.tools[self._row]
        call = self._sample.tool if self._sample.decision == "tool_call" else None
        return Opinion(
            line=self._line,
            decision=self._sample.decision,
            tool=call.name if call else None,
            call=round(float(self._decoded.decision[self._row]), DIGITS),
            tools={
                name: round(float(probability), DIGITS)
                for name, probability in zip(self._labels.tools, tools, strict=True)
                if probability > 0
            },
            made=self._made(predicted_tool(tools)),
            fields=[*self._slot_opinions(), *self._argument_opinions()],
        )

    def _made(self, tool: int) -> dict[str, Any] | None:
        """The call that the model would make."""
        if tool < 0:
            return None
        arguments = unflatten(argument_values(self._read_arguments(tool)))
        return {"name": self._labels.name_of(tool), "arguments": arguments}

    def _read_arguments(self, tool: int) -> list[FieldValue]:
        declarations = declared_of(self._sample.tools, self._labels.name_of(tool))
        place = (self._decoded, self._row, tool)
        return read_arguments(*place, self._labels, self._tokens, declarations)

    def _slot_opinions(self) -> Iterator[FieldOpinion]:
        values = read_slots(self._decoded, self._row, self._labels, self._tokens)
        for channel, value in enumerate(values):
            given = self._sample.slots[value.field.name]
            yield from self._on_field("slot", self._slots, channel, value, given)

    def _argument_opinions(self) -> Iterator[FieldOpinion]:
        """Opinions on the arguments of a call, with the tool of its label."""
        call = self._sample.tool
        if call is None or self._sample.decision != "tool_call":
            return
        tool = self._labels.called(call.name, self._sample.tools)
        if tool < 0:
            return
        given = flatten(call.arguments)
        channels = zip(self._labels.parameters[tool], self._read_arguments(tool), strict=True)
        for channel, value in channels:
            label = given.get(value.field.name, "")
            yield from self._on_field("argument", self._args, channel, value, label)

    def _on_field(
        self, kind: Kind, channels: _Channels, channel: int, value: FieldValue, given: Any
    ) -> Iterator[FieldOpinion]:
        """The opinion on one field, if the model's value is another one."""
        is_given = not is_empty(given)
        presence = float(channels.presence[self._row, channel])
        predicted = value.value if value.is_present else None
        if predicted is None and not is_given:
            return
        if predicted is not None and is_given and value.field.same(predicted, given):
            return
        of_given, of_best = channels.of(self._row, channel, value.field)
        if not value.is_present:  # then the question is whether it is filled, not with what
            of_given = 1.0
        yield FieldOpinion(
            kind=kind,
            field=value.field.name,
            given=given if is_given else "",
            predicted="" if predicted is None else predicted,
            given_probability=round(presence * of_given if is_given else 1 - presence, DIGITS),
            predicted_probability=round(
                presence * of_best if value.is_present else 1 - presence, DIGITS
            ),
        )
