"""Study: the trials of a sweep in Optuna's SQLite storage."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from trm_engine.errors import RunError
from trm_engine.sweeps.plan import Scalar, SweepPlan

if TYPE_CHECKING:
    import optuna

NEEDS = "`trm-tui sweep` needs more packages: pip install 'trm-tui[sweep]'"
NAME = "sweep"

Outcome = Literal["finished", "pruned", "failed"]
State = Literal["running", "finished", "pruned", "failed"]

STATES: dict[str, State] = {"COMPLETE": "finished", "PRUNED": "pruned", "FAIL": "failed"}


@dataclass(frozen=True)
class TrialRecord:
    """What the storage has of a trial. ``reported``: the last reported step, 0 for none."""

    number: int
    state: State
    value: float | None
    params: dict[str, Scalar] = field(default_factory=dict)
    reported: int = 0


class Study:
    """Asks for trials and records their values. It is created in ``file``, or continued.

    Raises:
        RunError: Optuna is missing, or the storage cannot be used.
    """

    def __init__(self, file: Path, plan: SweepPlan, maximise: bool) -> None:
        try:
            import optuna
        except ImportError:
            raise RunError(NEEDS) from None
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        pruner: Any = optuna.pruners.NopPruner()
        if plan.pruner == "median":
            pruner = optuna.pruners.MedianPruner(n_startup_trials=plan.startup_trials)
        try:
            self._study = optuna.create_study(
                storage=f"sqlite:///{file.absolute()}",
                study_name=NAME,
                direction="maximize" if maximise else "minimize",
                load_if_exists=True,
                pruner=pruner,
            )
        except Exception as error:  # of SQLAlchemy, of many kinds
            raise RunError(f"{file}: cannot be used: {error}") from None
        self._plan = plan
        self._optuna = optuna
        # Another seed each time: with the same one, a sweep that goes on would repeat its trials.
        self._study.sampler = self._sampler(plan.seed + len(self._study.get_trials(deepcopy=False)))

    def ask(self) -> TrialRecord:
        """Begin a trial."""
        trial = self._study.ask()
        params = self._plan.suggest(trial)
        return TrialRecord(trial.number, "running", None, params)

    def report(self, number: int, step: int, value: float) -> bool:
        """Record a trial's value at a step. Returns whether the pruner would end it."""
        trial = self._trial(number)
        trial.report(value, step)
        return bool(trial.should_prune())

    def tell(self, number: int, outcome: Outcome, value: float | None = None) -> None:
        """Record how a trial ended."""
        states = self._optuna.trial.TrialState
        state = {"finished": states.COMPLETE, "pruned": states.PRUNED, "failed": states.FAIL}
        values = value if outcome == "finished" else None
        self._study.tell(number, values, state=state[outcome], skip_if_finished=True)

    def records(self) -> list[TrialRecord]:
        """All trials so far, in order."""
        return [
            TrialRecord(
                trial.number,
                STATES.get(trial.state.name, "running"),
                trial.value
                if trial.state.name == "COMPLETE"
                else trial.intermediate_values.get(max(trial.intermediate_values, default=0)),
                dict(trial.params),
                max(trial.intermediate_values, default=0),
            )
            for trial in self._study.get_trials(deepcopy=False)
        ]

    def importance(self) -> dict[str, float]:
        """How much each setting matters, by PED-ANOVA; {} while there are too few trials."""
        evaluator = self._optuna.importance.PedAnovaImportanceEvaluator()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = self._optuna.importance.get_param_importances(
                    self._study, evaluator=evaluator
                )
        except (ValueError, RuntimeError):
            return {}
        return dict(found)

    def _sampler(self, seed: int) -> Any:
        samplers, plan = self._optuna.samplers, self._plan
        if plan.sampler == "random":
            return samplers.RandomSampler(seed=seed)
        with warnings.catch_warnings():  # constant_liar: trials that run at once differ
            warnings.simplefilter("ignore")
            return samplers.TPESampler(
                seed=seed, constant_liar=True, n_startup_trials=plan.startup_trials
            )

    def _trial(self, number: int) -> optuna.trial.Trial:
        trial = self._study.get_trials(deepcopy=False)[number]
        return self._optuna.trial.Trial(self._study, trial._trial_id)
