"""Evaluation: a model on a dataset, at every supervision step, as inference runs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from msgspec.structs import replace
from torch import Tensor

from trm_engine.data.catalogue_tokens import CatalogueTokens
from trm_engine.data.collator import Batch, create_dataloader
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.data.declared import declared_of
from trm_engine.data.field import Field
from trm_engine.data.labels import Labels
from trm_engine.data.samples import Sample
from trm_engine.data.values import flatten, is_empty
from trm_engine.inference.arguments import read_arguments
from trm_engine.inference.calibration import IDENTITY, Calibration, scaled
from trm_engine.inference.carried import called_fields
from trm_engine.inference.decoding import Decoded, Logits, decode, predicted_tool
from trm_engine.inference.token_texts import TokenTexts
from trm_engine.inference.values import argument_values, slot_values
from trm_engine.models.trm import TRMForToolCalling
from trm_engine.runs.schema.evaluation import Evaluation, JudgedSample
from trm_engine.runs.schema.fields import DecisionName
from trm_engine.training.calibration import cross_fitted, fit
from trm_engine.training.losses import NUM_COUNTS, TOTAL, DeepSupervisionLoss, count_labels
from trm_engine.training.metrics import (
    Answers,
    Correctness,
    Truth,
    confusion_cells,
    correctness,
    evaluation_metrics,
    sample_losses,
)
from trm_engine.training.observed import Observed, with_calibration
from trm_engine.training.reliability import DEFAULT_TARGET, coverage, reliability
from trm_engine.training.step_log import significant
from trm_engine.training.supervision import embed
from trm_engine.training.targets import Targets

BATCH_SIZE = 32
"""Samples a batch. One number for every evaluation, so that each gives the same figures."""

SHOWN_SAMPLES = 8
WORST_SAMPLES = 20
SHOWN_TEXT = 200

Done = Callable[[int, int], None]
"""Told how many samples of how many are evaluated."""


def evaluate(
    model: TRMForToolCalling,
    dataset: TRMToolCallingDataset,
    batch_size: int = BATCH_SIZE,
    done: Done = lambda samples, total: None,
    halt_threshold: float | None = None,
    calibration: Calibration = IDENTITY,
    target_accuracy: float | None = None,
) -> Evaluation:
    """Every figure of the model on ``dataset``, with the weights as they are in the model.

    ``halt_threshold`` is the configuration's unless given. After each batch,
    ``done(finished, total)`` is called.
    """
    evaluator = Evaluator(model, dataset, calibration=calibration)
    for _ in evaluator.batches(batch_size):
        done(evaluator.finished, len(dataset))
    return evaluator.evaluation(halt_threshold, target_accuracy)


def evaluate_and_calibrate(
    model: TRMForToolCalling,
    dataset: TRMToolCallingDataset,
    done: Done = lambda samples, total: None,
    target_accuracy: float | None = None,
) -> tuple[Evaluation, Calibration]:
    """The same with a calibration fitted on ``dataset``; ``evaluate`` with it gives these figures.

    With a ``target_accuracy`` it abstains where that would not be kept.
    """
    evaluator = Evaluator(model, dataset)
    for _ in evaluator.batches():
        done(evaluator.finished, len(dataset))
    evaluator.calibrate()
    evaluation = evaluator.evaluation(target_accuracy=target_accuracy)
    return evaluation, abstaining(evaluator.calibration, evaluation, target_accuracy)


class Evaluator:
    """Truths and a model's answers, collected batch by batch, and what they come to.

    Args:
        model: with the weights that are to be judged.
        dataset: with the samples.
        steps: supervision steps to run; the configuration's N_sup if not given.
        between: called between supervision steps; may raise to break off.
        calibration: of the probabilities that figures and judged samples show.
    """

    def __init__(
        self,
        model: TRMForToolCalling,
        dataset: TRMToolCallingDataset,
        steps: int | None = None,
        between: Callable[[], None] = lambda: None,
        calibration: Calibration = IDENTITY,
    ) -> None:
        self.model = model
        self.dataset = dataset
        self.calibration = calibration
        self.labels: Labels = dataset.labels
        self.steps = steps or model.config.N_supervision
        self.between = between
        self.finished = 0
        samples, slots = len(dataset), len(self.labels.slots)
        shape = (self.steps, samples)
        self.truth = Truth(
            np.zeros(samples, bool), np.full(samples, -1), np.zeros((samples, slots), bool)
        )
        self.answers = Answers(
            decision=np.zeros(shape),
            q=np.zeros(shape),
            tool=np.full(shape, -1),
            tool_confidence=np.zeros(shape),
            tool_probability=np.zeros(shape),
            presence=np.zeros((*shape, slots)),
            value_right=np.zeros((*shape, slots), bool),
            args_right=np.zeros(shape, bool),
        )
        self.seen = Observed.empty(dataset.dialogues, self.labels)
        self._losses = np.zeros(self.steps)
        self._texts = [""] * samples
        self._tools: list[str | None] = [None] * samples

    def batches(self, batch_size: int = BATCH_SIZE) -> Iterator[np.ndarray]:
        """Evaluate, and yield the indices of each batch's samples when it is done.

        Batches are of whole dialogues and run from short ones to long ones.
        """
        device = next(self.model.parameters()).device
        loss_fn = DeepSupervisionLoss(self.model.config)
        loader = create_dataloader(self.dataset, batch_size, shuffle=False, whole_dialogues=True)
        counts = torch.zeros(NUM_COUNTS)
        for batch in loader:
            counts += count_labels(Targets.of(batch))
            self.between()
        counts = counts.to(device)
        catalogue = CatalogueTokens.of(self.labels, self.dataset.tokenizer)
        with torch.inference_mode(), _as_in_use(self.model):
            self._readings = self.model.read(catalogue)
        for batch in loader:
            on_device = {name: tensor.to(device) for name, tensor in batch.items()}
            with torch.inference_mode(), _as_in_use(self.model):
                samples = self._add(on_device, loss_fn, counts)
            self.finished += len(samples)
            yield samples

    def calibrate(self) -> None:
        """Fit the calibration on these samples, all of which are evaluated."""
        seen = self._judged_last()
        self.calibration = fit(seen, seen.fingerprint(self._texts))

    def evaluation(
        self, halt_threshold: float | None = None, target_accuracy: float | None = None
    ) -> Evaluation:
        """The figures, the worst samples, and some samples to watch from one time to the next."""
        given = self.model.config.halt_threshold if halt_threshold is None else halt_threshold
        answers = with_calibration(self.answers, self.truth, self.seen, self.calibration)
        learnt = self.model.config.num_tools
        metrics = evaluation_metrics(self.truth, answers, self.labels, given, learnt)
        lines = np.array([self.dataset.line_number(index) for index in range(len(self.dataset))])
        cells = confusion_cells(self.truth.tool, self.answers.tool[-1], lines)
        losses = sample_losses(self.truth, answers)
        worst = np.argsort(-losses, kind="stable")[:WORST_SAMPLES]
        shown = np.linspace(0, len(losses) - 1, min(SHOWN_SAMPLES, len(losses))).astype(int)
        by_step = [
            replace(step, loss=significant(float(loss)))
            for step, loss in zip(metrics.by_step, self._losses, strict=True)
        ]
        return replace(
            self._with_confidence(metrics, target_accuracy or DEFAULT_TARGET),
            tool=replace(metrics.tool, cells=cells),
            by_step=by_step,
            loss=significant(float(self._losses.mean())),
            worst=self.judged(worst),
            shown=self.judged(shown),
        )

    def _with_confidence(self, evaluation: Evaluation, target: float) -> Evaluation:
        """With calibration errors and coverage.

        If the calibration was fitted on these samples, each one is judged by what the other
        dialogues say: the figures are those of conversations that calibration never saw. A model
        whose training diverged has none.
        """
        seen, calibration = self._judged_last(), self.calibration
        if not seen.is_finite:
            return evaluation
        if calibration.fitted_on == seen.fingerprint(self._texts):
            call, answer = cross_fitted(seen)
        else:
            call, answer = scaled(seen.decision, calibration.decision), seen.confidence(calibration)
        return replace(
            evaluation,
            decision_confidence=reliability(
                _of_decision(call), seen.decision_is_right, _of_decision(seen.decision)
            ),
            answer_confidence=reliability(answer, seen.right, seen.confidence(IDENTITY)),
            coverage=coverage(answer, seen.right, target),
        )

    def _judged_last(self) -> Observed:
        """The last step's raw probabilities, with what is right."""
        right = correctness(self.truth, self.answers)
        return self.seen.judged(right, self.answers.args_right[-1])

    def judged(self, samples: np.ndarray) -> list[JudgedSample]:
        """What became of some samples: truth, answers by step, loss, confidence, what is wrong."""
        truth, seen = self.truth.of(samples), self.seen.of(samples)
        answers = with_calibration(self.answers.of(samples), truth, seen, self.calibration)
        right = correctness(truth, answers)
        losses, confidence = sample_losses(truth, answers), seen.confidence(self.calibration)
        return [
            JudgedSample(
                index=index,
                line=self.dataset.line_number(index),
                text=self._texts[index],
                decision=_decision(truth.decision[place]),
                tool=self._tools[index],
                predicted_decision=_decision(answers.decision[-1, place] > 0.5),
                predicted_tool=self._tool_name(answers.tool[-1, place]),
                decision_probability=answers.decision[:, place].round(4).tolist(),
                q=answers.q[:, place].round(4).tolist(),
                confidence=round(float(confidence[place]), 4),
                loss=round(float(losses[place]), 4),
                wrong=_wrong_parts(truth, answers, right, place),
                exact=right.exact[:, place].tolist(),
                exact_values=right.exact_values[:, place].tolist(),
            )
            for place, index in enumerate(samples.tolist())
        ]

    def _add(self, batch: Batch, loss_fn: DeepSupervisionLoss, counts: Tensor) -> np.ndarray:
        """Take in one batch's labels and the answers of all its steps; returns its samples."""
        where = batch["sample_index"].cpu().numpy()
        self.truth.decision[where] = batch["decision_labels"].cpu().numpy() > 0.5
        self.truth.tool[where] = batch["tool_name_labels"].cpu().numpy()
        self.truth.presence[where] = batch["slot_presence_labels"].cpu().numpy() > 0.5
        truths = [_TruthTexts(self.dataset, int(index)) for index in where]
        for index, truth in zip(where.tolist(), truths, strict=True):
            self._texts[index], self._tools[index] = truth.last_text, truth.tool
        called = called_fields(self.labels, (truth.tokens for truth in truths))
        for step, (loss, decoded) in enumerate(self._run(batch, loss_fn, counts, called)):
            self._losses[step] += loss
            self._add_step(step, where, decoded, truths)
            self.between()
        self.seen.put(where, decoded, batch, self.labels)
        return where

    def _run(
        self, batch: Batch, loss_fn: DeepSupervisionLoss, counts: Tensor, called: np.ndarray
    ) -> Iterator[tuple[float, Decoded]]:
        """The batch's share of the loss and its decoded answers at each supervision step."""
        model, targets = self.model, Targets.of(batch)
        context = embed(model, batch, self._readings)
        for output in model.supervision_steps(context, self.steps):
            loss = loss_fn.step(output, targets, counts)[TOTAL]
            widest = model.config.max_span_tokens
            yield float(loss), decode(Logits.of(output), batch, widest, called=called)

    def _add_step(
        self, step: int, where: np.ndarray, decoded: Decoded, truths: list[_TruthTexts]
    ) -> None:
        answers = self.answers
        answers.decision[step, where] = decoded.decision
        answers.q[step, where] = decoded.q
        answers.presence[step, where] = decoded.slot_presence
        answers.tool_confidence[step, where] = decoded.tools.max(axis=-1)
        for row, (index, truth) in enumerate(zip(where, truths, strict=True)):
            tool = int(self.truth.tool[index])
            answers.tool[step, index] = predicted_tool(decoded.tools[row])
            answers.tool_probability[step, index] = decoded.tools[row, tool] if tool >= 0 else 0.0
            answers.value_right[step, index] = truth.right_slots(decoded, row)
            answers.args_right[step, index] = tool >= 0 and truth.args_are_right(decoded, row, tool)

    def _tool_name(self, tool: int) -> str | None:
        return self.labels.tools[tool] if tool >= 0 else None


def abstaining(
    calibration: Calibration, evaluation: Evaluation, target_accuracy: float | None
) -> Calibration:
    """The calibration with the threshold that keeps a wanted accuracy; 1 if none keeps it."""
    if target_accuracy is None:
        return calibration
    threshold = evaluation.coverage.threshold
    least = 1.0 if threshold is None else threshold
    return calibration.model_copy(update={"abstain_below": least})


@contextmanager
def _as_in_use(model: TRMForToolCalling) -> Iterator[None]:
    """The model as inference runs it, not compiled and in fp32; afterwards as it was."""
    before = model.training, model.compute_dtype, model.run_core
    model.eval()
    model.compute_dtype, model.run_core = torch.float32, model.core.forward
    try:
        yield
    finally:
        model.train(before[0])
        model.compute_dtype, model.run_core = before[1:]


def _of_decision(call: np.ndarray) -> np.ndarray:
    """The probabilities of the likelier decisions, given those of a call."""
    likelier: np.ndarray = np.maximum(call, 1 - call)
    return likelier


def _decision(is_call: bool) -> DecisionName:
    return "tool_call" if is_call else "direct_answer"


def _wrong_parts(truth: Truth, answers: Answers, right: Correctness, place: int) -> list[str]:
    """The parts of a sample's last answer that are wrong."""
    called = bool(truth.decision[place])
    presence_right = bool(right.presence[-1, place])
    wrong = {
        "decision": not right.decision[-1, place],
        "tool": called and not right.tool[-1, place],
        "slot presence": not presence_right,
        "slot value": presence_right and not answers.value_right[-1, place].all(),
        "arguments": called and not answers.args_right[-1, place],
    }
    return [part for part, is_wrong in wrong.items() if is_wrong]


class _TruthTexts:
    """A sample's true values by path, and its tokens' places to read predictions off."""

    def __init__(self, dataset: TRMToolCallingDataset, index: int) -> None:
        sample: Sample = dataset.sample(index)
        self.labels: Labels = dataset.labels
        self.tool = sample.tool.name if sample.tool else None
        self.last_text = sample.history[-1].text()[-SHOWN_TEXT:]
        self.slots = sample.slots
        arguments = flatten(sample.tool.arguments) if sample.tool else {}
        self.arguments = {path: each for path, each in arguments.items() if not is_empty(each)}
        self.declarations = declared_of(sample.tools, self.tool or "")
        self.tokens = TokenTexts.of(sample.history, *dataset.token_offsets(index))

    def right_slots(self, decoded: Decoded, row: int) -> list[bool]:
        """For each slot: whether its predicted value, "" if absent, is the true one."""
        predicted = slot_values(decoded, row, self.labels, self.tokens)
        return [
            _same_slot(slot, predicted[slot.name], self.slots[slot.name])
            for slot in self.labels.slots
        ]

    def args_are_right(self, decoded: Decoded, row: int, tool: int) -> bool:
        """Whether the arguments predicted for the true tool are the true ones, all of them."""
        values = read_arguments(decoded, row, tool, self.labels, self.tokens, self.declarations)
        fields = {value.field.name: value.field for value in values}
        predicted = argument_values(values)
        return predicted.keys() == self.arguments.keys() and all(
            fields[path].same(predicted[path], value) for path, value in self.arguments.items()
        )


def _same_slot(slot: Field, predicted: str, true: Any) -> bool:
    if is_empty(true) or not predicted:
        return is_empty(true) and not predicted
    return slot.same(predicted, true)
