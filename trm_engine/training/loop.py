"""The training loop: epochs, and what is done between updates."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from msgspec import to_builtins

from trm_engine.checkpoints.parts import Checkpoint
from trm_engine.config import Config
from trm_engine.data.collator import BucketBatchSampler
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.errors import Abort
from trm_engine.memory import TRIM_INTERVAL, return_free_memory
from trm_engine.models.trm import TRMForToolCalling
from trm_engine.runs.best import Score
from trm_engine.runs.folder import RunFolder
from trm_engine.runs.schema.events import EvalProgress, Evaluated, LogMessage, StateChanged
from trm_engine.runs.schema.fields import State
from trm_engine.training.checkpoint_store import CheckpointStore, Kind, Moment
from trm_engine.training.distributed import ProcessGroup
from trm_engine.training.epochs import Epochs
from trm_engine.training.evaluate import evaluate_and_calibrate
from trm_engine.training.losses import TOTAL
from trm_engine.training.run_control import Commands, Report, RunControl, Stop
from trm_engine.training.state import TrainingState
from trm_engine.training.step_log import StepLog, significant
from trm_engine.training.update import Update, Updater

PROGRESS_SECONDS = 0.2


class Trainer:
    """Trains a model on a dataset; ``run`` is one call, ``load`` before it resumes.

    Args:
        config: the resolved configuration.
        model: on its device.
        train: the samples learnt from.
        val: the samples that evaluations are on.
        folder: the run's folder.
        report: writes events; does nothing in all but the main process.
        commands: those given to the run.
        group: the processes that train together.
    """

    def __init__(
        self,
        config: Config,
        model: TRMForToolCalling,
        train: TRMToolCallingDataset,
        val: TRMToolCallingDataset,
        folder: RunFolder,
        report: Report,
        commands: Commands,
        group: ProcessGroup,
    ) -> None:
        training = config.training
        self.config = config
        self.model = model
        self.folder = folder
        self._val = val
        self._report = report
        self._group = group
        self._lengths = train.lengths
        self._sampler = BucketBatchSampler(
            train.lengths,
            training.batch_size * group.world_size,
            seed=training.seed,
            max_tokens=training.max_batch_tokens and training.max_batch_tokens * group.world_size,
            dialogues=train.dialogues if training.whole_dialogues else None,
        )
        self.epochs = Epochs(
            self._sampler,
            training.gradient_accumulation_steps,
            training.num_epochs,
            training.max_steps,
        )
        self.total_steps = self.epochs.total
        self.state = TrainingState(config, model, self.total_steps)
        self._update = Updater(config, self.state, train, group, self.total_steps)
        self._control = RunControl(commands, report, group)
        self._actions: dict[str, Callable[[], None]] = {
            "evaluate": self._evaluate,
            "save": lambda: self._save("step", self.state.global_step),
        }
        self.checkpoints = CheckpointStore(
            folder.checkpoints(config),
            training.keep_checkpoints,
            report,
            self._control.wait_for_room,
        )
        self._made_of = {
            "labels": train.labels.to_dict(),
            "tokenizer": train.tokenizer.model_bytes,
            "data": {"train": train.survey.content, "val": val.survey.content},
        }
        self._log = StepLog()
        self._is_stale = False

    def load(self, checkpoint: Checkpoint) -> None:
        """Go on where a checkpoint was saved.

        Raises:
            CheckpointError: it is one of another model or another training.
        """
        self.state.load(checkpoint)
        patience = self.config.training.patience
        self._is_stale = patience is not None and self.state.stale >= patience
        self._log = StepLog(self.state.elapsed)

    @property
    def moment(self) -> Moment:
        """How far the training is."""
        state = self.state
        return Moment(state.global_step, self.epochs.done(state.epoch, state.position))

    def run(self) -> State:
        """Train to the end, or until a stop command. Returns the state that the run ends in.

        An error saves ``last.pt`` before it is raised.

        Raises:
            Abort: the run was asked to end at once.
            RunError: the run was asked to stop while a checkpoint could not be written, or its
                folder is gone.
        """
        self.model.train()
        self.state.safeguard.remember(self.state.global_step)
        self._report(StateChanged(state="running"))
        try:
            return self._train()
        except Abort:
            raise
        except (Exception, KeyboardInterrupt):
            self._save_after_error()
            raise

    def _train(self) -> State:
        try:
            self._do_what_is_due()
            self._train_epoch()
            while self._goes_on:
                self._train_epoch()
        except Stop:
            self._flush_log()
            self._report(StateChanged(state="stopping"))
            self._save("last")
            return "stopped"
        self._finish()
        return "finished"

    def _do_what_is_due(self) -> None:
        """Do what the update resumed from should have been followed by, and was not.

        A process can be killed after ``best.pt`` and before the numbered checkpoints, or fail
        before an evaluation.
        """
        state, training = self.state, self.config.training
        if not state.global_step:
            return
        ends_epoch = state.epoch > 0 and state.position == 0
        if ends_epoch or state.global_step % training.eval_interval == 0:
            self._evaluate_once()
        is_due = state.global_step % training.save_interval == 0
        if is_due and not self.checkpoints.path("step", state.global_step).exists():
            self._save("step", state.global_step)
        if ends_epoch and not self.checkpoints.path("epoch", state.epoch - 1).exists():
            self._save("epoch", state.epoch - 1)

    @property
    def _goes_on(self) -> bool:
        """Whether there are updates left, and patience."""
        return self.state.global_step < self.total_steps and not self._is_stale

    def _train_epoch(self) -> None:
        state, groups = self.state, list(self._plan(self.state.epoch))
        while state.position < len(groups) and self._goes_on:
            self._note(self._update(groups[state.position]))
            self._after_update()
        if state.position >= len(groups):
            state.epoch, state.position = state.epoch + 1, 0
            self._evaluate_once()
            self._save("epoch", state.epoch - 1)

    def _plan(self, epoch: int) -> Iterator[list[np.ndarray]]:
        """The epoch's updates, each the sample indices of its batches, over all processes."""
        self._sampler.set_epoch(epoch)
        batches = self._sampler.batches()
        size = self.config.training.gradient_accumulation_steps
        for begin in range(0, len(batches), size):
            yield batches[begin : begin + size]

    def _note(self, update: Update) -> None:
        """Add an update to the log."""
        row = {
            "step": self.state.global_step,
            "epoch": self.moment.epoch,
            "lr": significant(update.learning_rate),
            "samples": len(update.samples),
            "tokens": int(self._lengths[update.samples].sum()),
        }
        if update.steps_per_sample is not None:
            row["steps_per_sample"] = significant(update.steps_per_sample)
        self._log.add(row, update.losses, update.by_step, update.grad_norm)

    def _after_update(self) -> None:
        """Do what comes at intervals, then what was commanded."""
        training, step = self.config.training, self.state.global_step
        if step == self.total_steps or step % training.log_interval == 0:
            self._flush_log()
            for alert in self.state.safeguard.review(step):
                self._report(LogMessage(level="error", message=alert))
        if step % training.eval_interval == 0:
            self._evaluate_once()
        if step % training.save_interval == 0:
            self._save("step", step)
        if step % TRIM_INTERVAL == 0:
            return_free_memory()
        self._control.obey(self._actions, self._flush_log, self._log.restart_clock)

    def _flush_log(self) -> None:
        if columns := self._log.take():
            self.state.trend.trained(columns.columns[TOTAL])
            self._report(columns)

    def _evaluate_once(self) -> None:
        if self.state.evaluated_at != self.state.global_step:
            self._evaluate()

    def _evaluate(self) -> None:
        """Evaluate the averaged weights; keep them as ``best.pt`` if they are the best so far."""
        state = self.state
        self._flush_log()
        if not self._group.is_main:
            state.evaluated_at = state.global_step
            self._check_patience()
            return
        began = time.perf_counter()
        with state.averaged():
            evaluation, state.calibration = evaluate_and_calibrate(
                self.model,
                self._val,
                self._evaluation_progress(),
                self.config.training.target_accuracy,
            )
        state.metrics, state.evaluated_at = to_builtins(evaluation), state.global_step
        score = Score.of(evaluation, self.config.training.best_metric)
        is_best = score.is_better_than(state.best)
        evaluated = Evaluated(
            step=state.global_step,
            epoch=self.moment.epoch,
            seconds=round(time.perf_counter() - began, 2),
            best=is_best,
            best_metric=score.metric,
            metrics=evaluation,
            overfitting=state.trend.evaluated(evaluation.loss, self.moment.epoch),
        )
        self._report(evaluated)
        state.stale = 0 if is_best else state.stale + 1
        if is_best:
            state.best = score
            self._save("best")
        self._log.restart_clock()
        self._check_patience()

    def _check_patience(self) -> None:
        """End the training, in all processes, if nothing has improved for too long."""
        patience = self.config.training.patience
        if patience is None or self._is_stale:
            return
        self._is_stale = bool(self._group.agree("stale" * (self.state.stale >= patience)))
        if self._is_stale and self.state.global_step < self.total_steps:
            metric = self.config.training.best_metric
            message = f"{metric} has not improved for {patience} evaluations: training ends early"
            self._report(LogMessage(level="info", message=f"{message} (training.patience)"))

    def _evaluation_progress(self) -> Callable[[int, int], None]:
        """Reports progress, a few times a second at most, and obeys an abort."""
        reported = time.perf_counter()

        def done(samples: int, total: int) -> None:
            nonlocal reported
            if samples == total or time.perf_counter() - reported > PROGRESS_SECONDS:
                reported = time.perf_counter()
                step = self.state.global_step
                self._report(EvalProgress(step=step, done=samples, total=total))
            self._control.abort_evaluation_if_asked()

        return done

    def _save(self, kind: Kind, number: int | None = None) -> None:
        """Save a checkpoint; ``number`` is that in its name."""
        self.state.safeguard.remember(self.state.global_step)
        if not self._group.is_main:
            return
        self._flush_log()
        epoch = number if kind == "epoch" else self.state.epoch
        self.checkpoints.save({**self._checkpoint(), "epoch": epoch}, kind, self.moment, number)
        self._log.restart_clock()

    def _checkpoint(self) -> Checkpoint:
        self.state.elapsed = self._log.elapsed
        return self.state.to_checkpoint(self._made_of, self._group.world_size)

    def _save_after_error(self) -> None:
        """Keep the weights of a run that fails, if they are numbers and can be written."""
        try:
            if self._group.is_main and self.state.global_step and self.state.is_finite():
                self._flush_log()
                path = self.checkpoints.path("last")
                self.checkpoints.write_once(self._checkpoint(), path, "last", self.moment)
        except Exception as error:  # the run ends with the error that is being handled
            message = f"last.pt could not be saved: {error}"
            self._report(LogMessage(level="error", message=message))

    def _finish(self) -> None:
        """Evaluate once more; write ``last.pt``, and the weights alone, raw and averaged."""
        self._evaluate_once()
        self._save("last")
        if not self._group.is_main:
            return
        write = partial(self.checkpoints.write, kind="final", moment=self.moment)
        write(self.model.state_dict(), self.folder.model)
        if self.state.ema:
            with self.state.averaged():
                write(self.model.state_dict(), self.folder.model_ema)
