"""Trainer: epochs, updates, evaluations, checkpoints, commands."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from trm_engine.checkpoints.contents import Foreign, check_training
from trm_engine.checkpoints.file import FORMAT_VERSION, Checkpoint, save_atomically
from trm_engine.config import Config
from trm_engine.data.collator import (
    LENGTH_STEP,
    BucketBatchSampler,
    TRMCollator,
    split_batch,
)
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.data.training_items import TrainingItems
from trm_engine.errors import Abort, CheckpointError, RunError
from trm_engine.memory import TRIM_INTERVAL, return_free_memory
from trm_engine.models.ema import EMA
from trm_engine.models.trm import TRMForToolCalling
from trm_engine.runs.best import Score, score_resumed
from trm_engine.runs.folder import RunFolder
from trm_engine.training.distributed import ProcessGroup
from trm_engine.training.epochs import Epochs
from trm_engine.training.evaluate import evaluate
from trm_engine.training.halting import Halting
from trm_engine.training.losses import NUM_COUNTS, DeepSupervisionLoss, count_labels
from trm_engine.training.metrics import Metrics
from trm_engine.training.optim import build_optimizer, build_scheduler
from trm_engine.training.safeguard import Safeguard
from trm_engine.training.step_log import StepLog, significant
from trm_engine.training.supervision import (
    Losses,
    Part,
    averaged,
    deep_probability,
    mask_words,
    per_step,
)
from trm_engine.training.targets import KINDS, Targets

PAUSE_SECONDS = 0.1
PROGRESS_SECONDS = 0.2


class Report(Protocol):
    """Writes one event; ``sync`` has those so far on the disk (``EventWriter``)."""

    def __call__(self, kind: str, /, **content: Any) -> None: ...

    def sync(self) -> None: ...


class Commands(Protocol):
    """The commands given since it was last asked; ``wants`` looks without taking them."""

    def __call__(self) -> list[str]: ...

    def wants(self, *wanted: str) -> bool: ...


class Stop(Exception):
    """The run was asked to save and end."""


class Trainer:
    """Trains a model on a dataset; ``run`` is one call, ``load`` before it resumes.

    Args:
        config: the resolved configuration.
        model: on its device.
        train: the samples learnt from.
        val: the samples judged on.
        folder: where checkpoints go.
        report: writes events; does nothing in all but the main process.
        commands: what the run is told to do.
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
        self.config = config
        self.model = model
        self.train_data = train
        self.val_data = val
        self.folder = folder
        self.checkpoints = folder.checkpoints(config)
        self.report = report
        self.commands = commands
        self.group = group
        self.device = next(model.parameters()).device

        training = config.training
        self.sampler = BucketBatchSampler(
            train.lengths,
            training.batch_size * group.world_size,
            seed=training.seed,
            max_tokens=training.max_batch_tokens and training.max_batch_tokens * group.world_size,
            dialogues=train.dialogues if training.whole_dialogues else None,
        )
        self.items = TrainingItems(
            train,
            bool(config.model.next_call_weight),
            training.value_exchange,
            training.capital_dropout,
            training.seed,
        )
        self.collator = TRMCollator(pad_to_multiple=LENGTH_STEP)
        self.lengths, self.dialogues = train.lengths, train.dialogues
        self.epochs = Epochs(
            self.sampler,
            training.gradient_accumulation_steps,
            training.num_epochs,
            training.max_steps,
        )
        self.total_steps = self.epochs.total
        self.loss_fn = DeepSupervisionLoss(config.model)
        learns_words = config.model.word_weight and training.word_dropout
        self.losses = self.loss_fn.names(KINDS if learns_words else KINDS - {"words"})
        self.optimizer = build_optimizer(model, training)
        self.scheduler = build_scheduler(self.optimizer, training, self.total_steps)
        self.ema = EMA(model, training.ema_decay) if training.use_ema else None
        self.safeguard = Safeguard(model, self.optimizer, self.ema)
        self.supervise = averaged if training.supervision == "averaged" else per_step

        self.epoch = 0
        self.position = 0
        self.global_step = 0
        self.best: Score | None = None
        self.metrics: Metrics | None = None
        self.evaluated_at = -1
        self.log = StepLog()

    def run(self) -> str:
        """Train to the end, or until told to stop. Returns the state that the run ends in.

        An error saves ``last.pt`` before it is raised.

        Raises:
            Abort: it was told to end at once.
            RunError: a checkpoint could not be written and the run was told to stop, or the run's
                folder is gone.
        """
        self.model.train()
        self.safeguard.remember(self.global_step)
        self.report("state", state="running")
        try:
            return self._train()
        except Abort:
            raise
        except (Exception, KeyboardInterrupt):
            self._save_what_is_sound()
            raise

    def _train(self) -> str:
        try:
            self._do_what_is_due()
            self._train_epoch()
            while self.global_step < self.total_steps:
                self._train_epoch()
        except Stop:
            self._flush_log()
            self.report("state", state="stopping")
            self._save("last.pt", "last")
            return "stopped"
        self._finish()
        return "finished"

    def load(self, state: Checkpoint) -> None:
        """Go on where a checkpoint was saved.

        Raises:
            CheckpointError: the configuration now makes another model, or its state of training
                is of another one.
        """
        try:
            self.model.load_state_dict(state["model_state_dict"])
        except RuntimeError as error:
            raise CheckpointError(
                f"the checkpoint does not fit the configuration: {error}"
            ) from error
        progress = state["data_state"]
        if "safeguard" not in progress:
            raise CheckpointError(
                "the checkpoint was saved by an earlier version of trm-tui, which trained in "
                "another way: it can be used, but its training cannot be resumed"
            )
        try:
            check_training(state, self.optimizer, self.ema.shadow if self.ema else {})
        except Foreign as error:
            raise CheckpointError(f"the checkpoint cannot be resumed: {error}") from None
        self.optimizer.load_state_dict(state["optimizer_state_dict"])
        self.scheduler.load_state_dict(state["scheduler_state_dict"])
        if self.ema and state["ema_state_dict"]:
            self.ema.load_state_dict(state["ema_state_dict"])
        self.global_step = state["global_step"]
        self.epoch, self.position = progress["epoch"], progress["position"]
        self.best = score_resumed(state, self.config.training.best_metric)
        self.evaluated_at = progress["evaluated_at"]
        self.metrics = state["metrics"]
        self.safeguard.load_state_dict(progress["safeguard"])
        torch.set_rng_state(state["rng_state"]["cpu"])
        self.log = StepLog(progress["elapsed"])

    def _train_epoch(self) -> None:
        groups = list(self._plan(self.epoch))
        while self.position < len(groups) and self.global_step < self.total_steps:
            self._update(groups[self.position])
            self.position += 1
            self._after_update()
        if self.position >= len(groups):
            finished_epoch = self.epoch
            self.epoch, self.position = finished_epoch + 1, 0
            self._evaluate_once()
            self._save(f"epoch_{finished_epoch}.pt", "epoch", finished_epoch)

    def _plan(self, epoch: int) -> Iterator[list[np.ndarray]]:
        """The epoch's updates, each the sample indices of its batches, over all processes."""
        self.sampler.set_epoch(epoch)
        batches = self.sampler.batches()
        size = self.config.training.gradient_accumulation_steps
        for begin in range(0, len(batches), size):
            yield batches[begin : begin + size]

    def _share(self, batch: np.ndarray) -> np.ndarray:
        """What this process trains of a batch."""
        shares = split_batch(
            batch, self.dialogues[batch], self.lengths[batch], self.group.world_size
        )
        return shares[self.group.rank]

    def _update(self, batches: list[np.ndarray]) -> None:
        """One update (averaged) or one a supervision step (per step) on a group of batches."""
        own = [self._share(batch) for batch in batches]
        parts = [self._part(share) for share in own if len(share)]
        counts = self._counts([part.targets for part in parts])
        learning_rate = float(self.scheduler.get_last_lr()[0])
        all_losses: list[Losses] = []
        norm = torch.zeros((), device=self.device)
        steps = self._supervision_steps()
        halting = self._halting()
        supervise = partial(per_step, halting=halting) if halting else self.supervise
        for losses in supervise(self.model, self.loss_fn, parts, counts, steps):
            norm = self._apply_gradients()
            all_losses += losses
        self.scheduler.step()
        self.global_step += 1
        self._note(np.concatenate(batches), learning_rate, all_losses, norm, halting)

    def _supervision_steps(self) -> int:
        """How many steps the next update trains: one or, ever more often, all N_sup."""
        training = self.config.training
        progress = (self.global_step + 1) / self.total_steps
        draw = np.random.default_rng((training.seed, self.global_step)).random()
        is_deep = draw < deep_probability(training.deep_share, progress)
        return self.config.model.N_supervision if is_deep else 1

    def _halting(self) -> Halting | None:
        """What takes samples out of the next update, if any does."""
        training = self.config.training
        if not training.halting:
            return None
        steps, seed = self.config.model.N_supervision, (training.seed, self.epoch)
        return Halting(training.halt_exploration, steps, seed, self._counts)

    def _part(self, indices: np.ndarray) -> Part:
        training = self.config.training
        batch = self.collator(self.items(indices, self.epoch))
        batch = mask_words(batch, training.word_dropout, (training.seed, self.global_step))
        batch = {name: tensor.to(self.device) for name, tensor in batch.items()}
        return Part(batch, Targets.of(batch))

    def _counts(self, parts: Sequence[Targets]) -> Tensor:
        """Labels in the whole update, over all its batches and processes, [NUM_COUNTS]."""
        counts = torch.zeros(NUM_COUNTS, device=self.device)
        for targets in parts:
            counts += count_labels(targets)
        return self.group.sum(counts)

    def _apply_gradients(self) -> Tensor:
        self.group.sum_gradients(self.model)
        limit = self.config.training.max_grad_norm
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), limit)
        self.safeguard.admit(norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        if self.ema:
            self.ema.update()
        return norm

    def _note(
        self,
        samples: np.ndarray,
        rate: float,
        losses: list[Losses],
        norm: Tensor,
        halting: Halting | None,
    ) -> None:
        row = {
            "step": self.global_step,
            "epoch": self.epochs.done(self.epoch, self.position + 1),
            "lr": significant(rate),
            "samples": len(samples),
            "tokens": int(self.lengths[samples].sum()),
            **({"steps_per_sample": significant(halting.steps_per_sample)} if halting else {}),
        }
        table = torch.zeros(len(losses), len(self.losses), device=self.device)
        for index, step in enumerate(losses):
            if step:
                table[index] = torch.stack([step[name] for name in self.losses])
        table = self.group.sum(table)
        means = dict(zip(self.losses, table.mean(dim=0), strict=True))
        self.log.add(row, means, list(table[:, 0]), norm)

    def _after_update(self) -> None:
        training = self.config.training
        is_last = self.global_step == self.total_steps
        if is_last or self.global_step % training.log_interval == 0:
            self._flush_log()
            for alert in self.safeguard.review(self.global_step):
                self.report("log", level="error", message=alert)
        if self.global_step % training.eval_interval == 0:
            self._evaluate_once()
        if self.global_step % training.save_interval == 0:
            self._save(f"step_{self.global_step}.pt", "step")
        if self.global_step % TRIM_INTERVAL == 0:
            return_free_memory()
        self._obey_commands()

    def _flush_log(self) -> None:
        columns = self.log.take()
        if columns is None:
            return
        self.report("steps", **columns)

    def _agreed_commands(self) -> list[str]:
        """The commands that the main process received, in every process."""
        return [word for word in self.group.agree(" ".join(self.commands())).split() if word]

    def _obey_commands(self) -> None:
        """Obey the commands in the order given; while paused, wait for more."""
        paused = False
        while True:
            for command in self._agreed_commands():
                if command in ("pause", "resume"):
                    paused = self._set_paused(paused, command == "pause")
                else:
                    self._obey(command)
            if not paused:
                return
            time.sleep(PAUSE_SECONDS)

    def _set_paused(self, was_paused: bool, paused: bool) -> bool:
        if paused and not was_paused:
            self._flush_log()
            self.report("state", state="paused", reason="asked to")
        if was_paused and not paused:
            self.log.restart_clock()
            self.report("state", state="running")
        return paused

    def _obey(self, command: str) -> None:
        if command == "abort":
            raise Abort
        if command == "stop":
            raise Stop
        if command == "evaluate":
            self._evaluate()
        if command == "save":
            self._save(f"step_{self.global_step}.pt", "step")

    def _evaluate_once(self) -> None:
        if self.evaluated_at != self.global_step:
            self._evaluate()

    def _evaluate(self) -> None:
        """Judge the averaged weights; keep them as best.pt if they are the best so far."""
        self._flush_log()
        if not self.group.is_main:
            self.evaluated_at = self.global_step
            return
        began = time.perf_counter()
        if self.ema:
            with self.ema.applied():
                metrics = self._metrics()
        else:
            metrics = self._metrics()
        self.metrics = metrics
        score = Score.of(metrics, self.config.training.best_metric)
        is_best = score.is_better_than(self.best)
        self.evaluated_at = self.global_step
        self.report(
            "eval",
            step=self.global_step,
            epoch=self.epochs.done(self.epoch, self.position),
            seconds=round(time.perf_counter() - began, 2),
            best=is_best,
            best_metric=score.metric,
            metrics=metrics,
        )
        if is_best:
            self.best = score
            self._save("best.pt", "best")
        self.log.restart_clock()

    def _metrics(self) -> Metrics:
        told = time.perf_counter()

        def done(samples: int, total: int) -> None:
            nonlocal told
            if samples == total or time.perf_counter() - told > PROGRESS_SECONDS:
                told = time.perf_counter()
                self.report("eval_progress", step=self.global_step, done=samples, total=total)
            if self.group.world_size == 1 and self.commands.wants("abort"):
                raise Abort

        return evaluate(self.model, self.val_data, done=done)

    def _save(self, name: str, kind: str, epoch: int | None = None) -> None:
        """Write a checkpoint; a full disk pauses the run until it is told to go on or stop."""
        self.safeguard.remember(self.global_step)
        if not self.group.is_main:
            return
        self._flush_log()
        state = self._state(self.epoch if epoch is None else epoch)
        self._write(state, self.checkpoints / name, kind)
        self._prune(self.checkpoints / name, kind)
        self.log.restart_clock()

    def _do_what_is_due(self) -> None:
        """Do what follows the update resumed from and was prevented: by a kill after ``best.pt``
        that the numbered checkpoints were saved, by an error that there was an evaluation."""
        if not self.global_step:
            return
        training = self.config.training
        ends_epoch = self.epoch > 0 and self.position == 0
        if ends_epoch or self.global_step % training.eval_interval == 0:
            self._evaluate_once()
        step, epoch = f"step_{self.global_step}.pt", f"epoch_{self.epoch - 1}.pt"
        is_due = self.global_step % training.save_interval == 0
        if is_due and not (self.checkpoints / step).exists():
            self._save(step, "step")
        if ends_epoch and not (self.checkpoints / epoch).exists():
            self._save(epoch, "epoch", self.epoch - 1)

    def _save_what_is_sound(self) -> None:
        """Keep the weights of a run that fails, if they are numbers and can be written."""
        weights = self.model.parameters()
        try:
            if self.group.is_main and self.global_step and all(map(_is_finite, weights)):
                self._flush_log()
                self.report.sync()
                self.checkpoints.mkdir(exist_ok=True)
                path = self.checkpoints / "last.pt"
                self.report_saved(path, "last", save_atomically(self._state(self.epoch), path))
        except Exception as error:  # what ends the run is the error that is being handled
            message = f"last.pt could not be saved: {error}"
            self.report("log", level="error", message=message)

    def _prune(self, newest: Path, kind: str) -> None:
        """Delete the numbered checkpoints before ``newest`` beyond those to keep.

        One with a higher number is of an earlier start, and is overwritten when its turn comes.
        A file that cannot be deleted stays.
        """
        if kind not in ("step", "epoch") or not self.config.training.keep_checkpoints:
            return
        numbers = [_number(path) for path in self.checkpoints.glob(f"{kind}_*.pt")]
        older = sorted(n for n in numbers if n is not None and n <= (_number(newest) or 0))
        for number in older[: -self.config.training.keep_checkpoints]:
            with suppress(OSError):
                (self.checkpoints / f"{kind}_{number}.pt").unlink()

    def _write(self, state: Any, path: Path, kind: str) -> None:
        """Write a file once the events of all that it has seen are on the disk."""
        while True:
            try:
                self.report.sync()
                self.checkpoints.mkdir(exist_ok=True)  # but not the run's folder
                size = save_atomically(state, path)
            except OSError as error:
                self._wait_for_room(path, error)
            else:
                self.report_saved(path, kind, size)
                return

    def report_saved(self, path: Path, kind: str, size: int) -> None:
        """Report a checkpoint of the present update."""
        self.report(
            "checkpoint",
            step=self.global_step,
            epoch=self.epochs.done(self.epoch, self.position),
            path=str(path),
            kind=kind,
            bytes=size,
        )

    def _wait_for_room(self, path: Path, error: OSError) -> None:
        """Pause until told to resume. Only the main process is here; the others wait for it."""
        problem = f"{path} cannot be written: {error.strerror or error}"
        self.report("log", level="error", message=f"{problem}; make room, then resume")
        self.report("state", state="paused", reason=problem)
        while True:
            commands = self.commands()
            if "abort" in commands:
                raise Abort
            if "stop" in commands:
                raise RunError(f"{problem}; what was saved before is whole")
            if "resume" in commands:
                self.report("state", state="running")
                return
            time.sleep(PAUSE_SECONDS)

    def _state(self, epoch: int) -> Checkpoint:
        return {
            "format_version": FORMAT_VERSION,
            "model_state_dict": self.model.state_dict(),
            "optimizer_state_dict": self.optimizer.state_dict(),
            "scheduler_state_dict": self.scheduler.state_dict(),
            "ema_state_dict": self.ema.state_dict() if self.ema else None,
            "global_step": self.global_step,
            "epoch": epoch,
            "config": self.config.to_dict(),
            "labels": self.train_data.labels.to_dict(),
            "tokenizer": self.train_data.tokenizer.model_bytes,
            "metrics": self.metrics,
            "rng_state": {"cpu": torch.get_rng_state()},
            "data": {
                "train": self.train_data.survey.content,
                "val": self.val_data.survey.content,
            },
            "data_state": {
                "processes": self.group.world_size,
                "epoch": self.epoch,
                "position": self.position,
                "best": (self.best.value, self.best.loss) if self.best else None,
                "evaluated_at": self.evaluated_at,
                "elapsed": self.log.elapsed,
                "safeguard": self.safeguard.state_dict(),
            },
        }

    def _finish(self) -> None:
        """The last evaluation, last.pt, and the weights alone, raw and averaged."""
        self._evaluate_once()
        self._save("last.pt", "last")
        if not self.group.is_main:
            return
        self._write(self.model.state_dict(), self.folder.model, "final")
        if self.ema:
            with self.ema.applied():
                self._write(self.model.state_dict(), self.folder.model_ema, "final")


def _is_finite(weight: Tensor) -> bool:
    return bool(torch.isfinite(weight).all())


def _number(checkpoint: Path) -> int | None:
    """The number in the name of a numbered checkpoint; None for other names, such as step_007."""
    kind, _, digits = checkpoint.stem.partition("_")
    is_number = digits.isdecimal() and checkpoint.name == f"{kind}_{int(digits)}.pt"
    return int(digits) if is_number else None
