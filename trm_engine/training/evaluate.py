"""Evaluation: a model on a dataset, at every supervision step, as inference runs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trm_engine.data.collator import Batch, create_dataloader
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.data.labels import Labels
from trm_engine.data.samples import Sample
from trm_engine.data.spans import same_text, value_text
from trm_engine.decoding import (
    Decoded,
    TokenTexts,
    argument_values,
    decode,
    predicted_tool,
    slot_values,
)
from trm_engine.models.trm import TRMForToolCalling
from trm_engine.training.losses import DeepSupervisionLoss, Targets
from trm_engine.training.metrics import (
    Answers,
    Metrics,
    Truth,
    Verdicts,
    confusion_cells,
    evaluation_metrics,
    judge,
    sample_losses,
)

SHOWN_SAMPLES = 8
WORST_SAMPLES = 20
SHOWN_TEXT = 200

Done = Callable[[int, int], None]
"""Told how many samples of how many are evaluated."""


def evaluate(
    model: TRMForToolCalling,
    dataset: TRMToolCallingDataset,
    batch_size: int = 32,
    done: Done = lambda samples, total: None,
    halt_threshold: float | None = None,
) -> Metrics:
    """Every figure of the model on ``dataset``, with the weights as they are in the model.

    ``halt_threshold`` is the configuration's unless given; ``done`` is told of the progress.
    """
    was_training = model.training
    model.eval()
    collected = _Collected(dataset, model.config.N_supervision)
    device = next(model.parameters()).device
    loss_fn = DeepSupervisionLoss(model.config)
    loader = create_dataloader(dataset, batch_size, shuffle=False)
    counts = torch.stack([Targets.of(batch).counts() for batch in loader]).sum(dim=0).to(device)
    finished = 0
    with torch.inference_mode():
        for batch in loader:
            on_device = {name: tensor.to(device) for name, tensor in batch.items()}
            collected.add(on_device, _steps(model, loss_fn, on_device, counts))
            finished += len(batch["sample_index"])
            done(finished, len(dataset))
    model.train(was_training)
    threshold = model.config.halt_threshold if halt_threshold is None else halt_threshold
    return collected.metrics(threshold)


def _steps(
    model: TRMForToolCalling, loss_fn: DeepSupervisionLoss, batch: Batch, counts: Tensor
) -> Iterator[tuple[float, Decoded]]:
    """The batch's share of the loss and its decoded answers at each supervision step."""
    targets = Targets.of(batch)
    context = model.embed(batch["input_ids"], batch["attention_mask"], batch["role_ids"])
    for output in model.supervision_steps(context):
        loss = loss_fn.step(output, targets, counts)["total_loss"]
        decoded = decode(
            output,
            batch["text_mask"],
            batch["turn_ids"],
            batch["tool_mask"],
            model.config.max_span_tokens,
        )
        yield float(loss), decoded


class _Collected:
    """Truths and answers of a dataset, filled in batch by batch."""

    def __init__(self, dataset: TRMToolCallingDataset, steps: int) -> None:
        samples, slots = len(dataset), len(dataset.labels.slots)
        self.dataset = dataset
        self.labels = dataset.labels
        self.truth = Truth(
            np.zeros(samples, bool), np.full(samples, -1), np.zeros((samples, slots), bool)
        )
        self.answers = Answers(
            decision=np.zeros((steps, samples)),
            q=np.zeros((steps, samples)),
            tool=np.full((steps, samples), -1),
            tool_probability=np.zeros((steps, samples)),
            presence=np.zeros((steps, samples, slots)),
            value_right=np.zeros((steps, samples, slots), bool),
            args_right=np.zeros((steps, samples), bool),
        )
        self.losses = np.zeros(steps)

    def add(self, batch: Batch, steps: Iterator[tuple[float, Decoded]]) -> None:
        """Take in one batch's labels and the answers of all its steps."""
        where = batch["sample_index"].cpu().numpy()
        self.truth.decision[where] = batch["decision_labels"].cpu().numpy() > 0.5
        self.truth.tool[where] = batch["tool_name_labels"].cpu().numpy()
        self.truth.presence[where] = batch["slot_presence_labels"].cpu().numpy() > 0.5
        truths = [_TruthTexts(self.dataset, int(index)) for index in where]
        for step, (loss, decoded) in enumerate(steps):
            self.losses[step] += loss
            self._add_step(step, where, decoded, truths)

    def _add_step(
        self, step: int, where: np.ndarray, decoded: Decoded, truths: list[_TruthTexts]
    ) -> None:
        answers = self.answers
        answers.decision[step, where] = decoded.decision
        answers.q[step, where] = decoded.q
        answers.presence[step, where] = decoded.slot_presence
        for row, (index, truth) in enumerate(zip(where, truths, strict=True)):
            tool = int(self.truth.tool[index])
            answers.tool[step, index] = predicted_tool(decoded.tools[row])
            answers.tool_probability[step, index] = decoded.tools[row, tool] if tool >= 0 else 0.0
            answers.value_right[step, index] = truth.right_slots(decoded, row)
            answers.args_right[step, index] = tool >= 0 and truth.args_are_right(decoded, row, tool)

    def metrics(self, halt_threshold: float) -> Metrics:
        """The figures, the worst samples, and some samples to watch from one time to the next."""
        metrics = evaluation_metrics(self.truth, self.answers, self.labels, halt_threshold)
        lines = np.array([self.dataset.line_number(index) for index in range(len(self.dataset))])
        cells = confusion_cells(self.truth.tool, self.answers.tool[-1], lines)
        losses = sample_losses(self.truth, self.answers)
        verdicts = judge(self.truth, self.answers)
        worst = np.argsort(-losses, kind="stable")[:WORST_SAMPLES]
        shown = np.linspace(0, len(losses) - 1, min(SHOWN_SAMPLES, len(losses))).astype(int)
        by_step = [
            {**step, "loss": float(loss)}
            for step, loss in zip(metrics["by_step"], self.losses, strict=True)
        ]
        return {
            **metrics,
            "tool": {**metrics["tool"], "cells": cells},
            "loss": float(self.losses.mean()),
            "by_step": by_step,
            "worst": [self._describe(int(index), losses, verdicts) for index in worst],
            "shown": [self._describe(int(index), losses, verdicts) for index in shown],
        }

    def _describe(self, index: int, losses: np.ndarray, verdicts: Verdicts) -> dict[str, Any]:
        sample = self.dataset.sample(index)
        answers = self.answers
        called = bool(self.truth.decision[index])
        tool = int(answers.tool[-1, index])
        presence_right = bool(verdicts.presence[-1, index])
        wrong = {
            "decision": not verdicts.decision[-1, index],
            "tool": called and not verdicts.tool[-1, index],
            "slot presence": not presence_right,
            "slot value": presence_right and not answers.value_right[-1, index].all(),
            "arguments": called and not answers.args_right[-1, index],
        }
        return {
            "index": index,
            "line": self.dataset.line_number(index),
            "text": sample.history[-1].text()[-SHOWN_TEXT:],
            "decision": sample.decision,
            "tool": sample.tool.name if sample.tool else None,
            "predicted_tool": self.labels.tools[tool] if tool >= 0 else None,
            "decision_probability": answers.decision[:, index].round(4).tolist(),
            "q": answers.q[:, index].round(4).tolist(),
            "loss": round(float(losses[index]), 4),
            "wrong": [kind for kind, is_wrong in wrong.items() if is_wrong],
        }


class _TruthTexts:
    """A sample's true values as text, and its tokens' places to read predictions off."""

    def __init__(self, dataset: TRMToolCallingDataset, index: int) -> None:
        sample: Sample = dataset.sample(index)
        self.labels: Labels = dataset.labels
        self.slots = {name: value_text(value) for name, value in sample.slots.items()}
        arguments = sample.tool.arguments if sample.tool else {}
        texts = {name: value_text(value) for name, value in arguments.items()}
        self.arguments = {name: text for name, text in texts.items() if text}
        self.tokens = TokenTexts(
            [turn.text() for turn in sample.history], *dataset.token_offsets(index)
        )

    def right_slots(self, decoded: Decoded, row: int) -> list[bool]:
        """For each slot: whether its predicted value, "" if absent, is the true one."""
        predicted = slot_values(decoded, row, self.labels, self.tokens)
        return [same_text(predicted[name], self.slots[name]) for name in self.labels.slot_names]

    def args_are_right(self, decoded: Decoded, row: int, tool: int) -> bool:
        """Whether the arguments predicted for the true tool are the true ones, all of them."""
        predicted = argument_values(decoded, row, tool, self.labels, self.tokens)
        return predicted.keys() == self.arguments.keys() and all(
            same_text(predicted[name], text) for name, text in self.arguments.items()
        )
