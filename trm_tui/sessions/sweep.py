"""SweepSession: starts the trials of a sweep, watches them, ends those that do badly."""

from __future__ import annotations

import math
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from trm_engine.config import Config
from trm_engine.errors import RunError, UserError
from trm_engine.files.atomic import write_atomically
from trm_engine.files.jsonl import to_json
from trm_engine.runs.folder import RunFolder
from trm_engine.runs.schema.evaluation import BY_CHOICE
from trm_engine.sweeps.plan import Scalar, SweepPlan
from trm_engine.sweeps.study import Study, TrialRecord
from trm_tui.sessions.run import AttachedRun

MARKS = 10
"""A trial reports its best value when so many shares of its updates are done."""
DRAIN_SECONDS = 0.2

Start = Callable[[RunFolder, list[str]], subprocess.Popen[bytes] | None]
"""Trains in a folder with ``section.key=value`` settings, or resumes; None if it has finished."""
State = Literal["waiting", "running", "pruning", "stopping", "finished", "pruned", "failed"]


@dataclass
class Trial:
    """A trial: its settings, its run while this process watches it, and its best value so far.

    ``is_kept``: the pruner does not end it. ``note`` says why it failed.
    """

    number: int
    folder: RunFolder
    params: dict[str, Scalar]
    state: State = "waiting"
    value: float | None = None
    run: AttachedRun | None = None
    is_kept: bool = False
    note: str = ""
    reported: int = 0
    seen: int = 0
    asked: set[str] = field(default_factory=set)

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.state in ("finished", "pruned", "failed")

    @property
    def progress(self) -> float | None:
        """The share of its updates that are done; None if unknown."""
        if self.run is None and self.state == "finished":  # before this process
            return 1.0
        store = self.run.store if self.run else None
        return min(store.step / store.total_steps, 1.0) if store and store.total_steps else None


class SweepSession:
    """A sweep in ``folder``. Call ``tick`` regularly. Only one process runs a sweep at a time.

    Raises:
        RunError: another process runs this sweep, or its storage cannot be used.
    """

    def __init__(self, folder: Path, plan: SweepPlan, metric: str, start: Start) -> None:
        self.folder = folder
        self.plan = plan
        self.metric = BY_CHOICE[metric]
        self.trials: list[Trial] = []
        self.importance: dict[str, float] = {}
        self.is_ending = False
        self._start = start
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(folder / "sweep.lock", timeout=0)
        try:
            self._lock.acquire()
        except Timeout:
            raise RunError(f"{folder}: this sweep is running already") from None
        self._study = Study(folder / "sweep.db", plan, self.metric.higher_is_better)
        for record in self._study.records():
            self.trials.append(self._of(record))
        self._weigh()

    @property
    def best(self) -> Trial | None:
        """The finished trial with the best value."""
        done = [each for each in self.trials if each.state == "finished" and each.value is not None]
        return self._best_of(done)

    @property
    def is_complete(self) -> bool:
        """Whether all trials have ended."""
        ended = sum(trial.is_over for trial in self.trials)
        return ended == len(self.trials) and ended >= self.plan.trials

    @property
    def is_over(self) -> bool:
        """Whether nothing runs, and nothing more will."""
        running = any(each.run and not each.is_over for each in self.trials)
        return not running and (self.is_ending or not self._is_due())

    def tick(self) -> list[Trial]:
        """Read the events of the trials, prune, and start new ones. Returns those that ended."""
        before = {trial.number for trial in self.trials if trial.is_over}
        for trial in self.trials:
            if trial.run and not trial.is_over:
                self._watch(trial, trial.run)
        while not self.is_ending and self._running() < self.plan.workers:
            following = self._next()
            if following is None:
                break
            self._begin(following)
        ended = [each for each in self.trials if each.is_over and each.number not in before]
        if ended:
            self._weigh()
        return ended

    def _weigh(self) -> None:
        """How much each setting matters, once there are as many values as the sampler needs."""
        values = sum(trial.is_over and trial.value is not None for trial in self.trials)
        if values >= self.plan.startup_trials:
            self.importance = self._study.importance()

    def prune(self, trial: Trial) -> None:
        """End a running trial. It counts as without prospects."""
        self._end(trial, "pruning")

    def stop(self, trial: Trial) -> None:
        """End a running trial. Its best value so far counts."""
        self._end(trial, "stopping")

    def promote(self, trial: Trial) -> Path:
        """Write the configuration of a trial beside the sweep; the pruner spares it from now on.

        Raises:
            RunError: the file cannot be written.
        """
        trial.is_kept = True
        out = self.folder / f"promoted-{trial.number:04}.yaml"
        config = trial.folder.read_config()
        kept = config.training.model_fields_set - {"output_dir", "checkpoint_dir"}
        values = config.model_dump(exclude_unset=True)
        training = {key: value for key, value in values["training"].items() if key in kept}
        try:
            plain = Config.model_validate({**values, "training": training})
            write_atomically(out, plain.dump())
        except OSError as error:
            raise RunError(f"{out}: cannot be written: {error.strerror}") from None
        return out

    def end(self) -> None:
        """Have the running trials save and stop. The same command goes on with them."""
        self.is_ending = True
        for trial in self.trials:
            if trial.run and not trial.is_over and trial.state == "running":
                trial.run.send("stop")

    def close(self, seconds: float) -> None:
        """Wait for the workers to end, at most so long, and release the sweep."""
        until = time.monotonic() + seconds
        for trial in self.trials:
            if trial.run and trial.run.worker:
                with suppress(subprocess.TimeoutExpired):
                    trial.run.worker.wait(max(until - time.monotonic(), 0.1))
        self.tick()
        self._lock.release()

    # Trials -----------------------------------------------------------------------------------

    def _of(self, record: TrialRecord) -> Trial:
        folder = RunFolder(self.folder / f"trial-{record.number:04}")
        state: State = "waiting" if record.state == "running" else record.state
        return Trial(
            record.number, folder, record.params, state, record.value, reported=record.reported
        )

    def _is_due(self) -> bool:
        waiting = any(trial.state == "waiting" for trial in self.trials)
        return waiting or len(self.trials) < self.plan.trials

    def _running(self) -> int:
        return sum(trial.state in ("running", "pruning", "stopping") for trial in self.trials)

    def _next(self) -> Trial | None:
        """A trial that an earlier process left unfinished, or a new one; None for none yet."""
        for trial in self.trials:
            if trial.state == "waiting" and not trial.folder.is_live():  # it may still be saving
                return trial
        if len(self.trials) >= self.plan.trials:
            return None
        trial = self._of(self._study.ask())
        self.trials.append(trial)
        return trial

    def _begin(self, trial: Trial) -> None:
        settings = [f"{key}={to_json(value)}" for key, value in trial.params.items()]
        settings.append(f"training.best_metric={self.metric.choice}")
        threads = max(1, (os.cpu_count() or 1) // self.plan.workers)
        if "training.num_threads" not in trial.params and self.plan.workers > 1:
            settings.append(f"training.num_threads={threads}")
        since = time.time()
        try:
            worker = self._start(trial.folder, settings)
        except UserError as error:  # settings that do not go together
            trial.state, trial.note = "failed", str(error)
            self._study.tell(trial.number, "failed")
            return
        trial.state = "running"
        trial.run = AttachedRun(trial.folder, worker, since if worker else 0.0)

    def _watch(self, trial: Trial, run: AttachedRun) -> None:
        run.look()
        run.drain(DRAIN_SECONDS)
        self._take_values(trial, run)
        if run.is_over and not run.behind:
            self._conclude(trial, run)

    def _take_values(self, trial: Trial, run: AttachedRun) -> None:
        """Report the best value so far at each mark that was passed."""
        evaluations = run.store.evaluations
        for event in evaluations[trial.seen :]:
            value = self.metric.of(event.metrics)
            if value is None or not math.isfinite(value):
                continue
            better = max if self.metric.higher_is_better else min
            trial.value = value if trial.value is None else better(trial.value, value)
            mark = MARKS * event.step // max(run.store.total_steps, 1)
            for step in range(trial.reported + 1, mark + 1):
                is_hopeless = self._study.report(trial.number, step, trial.value)
                trial.reported = step
                if is_hopeless and not trial.is_kept and trial.state == "running":
                    self.prune(trial)
        trial.seen = len(evaluations)

    def _end(self, trial: Trial, state: Literal["pruning", "stopping"]) -> None:
        if trial.run and trial.state == "running" and trial.run.send("stop"):
            trial.state = state

    def _conclude(self, trial: Trial, run: AttachedRun) -> None:
        if trial.state == "running" and run.state == "stopped":
            if not self.is_ending:  # by a key in the run's own screen
                self._tell(trial, "finished" if trial.value is not None else "failed")
            else:
                trial.state, trial.run = "waiting", None
        elif trial.state == "pruning":
            self._tell(trial, "pruned")
        elif run.state in ("finished", "stopped") and trial.value is not None:
            self._tell(trial, "finished")
        else:
            failure = run.store.failure
            trial.note = failure.message if failure else f"the run is {run.state}"
            self._tell(trial, "failed")

    def _tell(self, trial: Trial, outcome: Literal["finished", "pruned", "failed"]) -> None:
        self._study.tell(trial.number, outcome, trial.value)
        trial.state = outcome

    def _best_of(self, trials: Sequence[Trial]) -> Trial | None:
        sign = 1 if self.metric.higher_is_better else -1
        return max(trials, key=lambda each: sign * (each.value or 0.0), default=None)
