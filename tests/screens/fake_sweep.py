"""A sweep whose trials nobody trains: a test writes what their workers would."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.screens.fake_run import FakeRun
from trm_engine.errors import ConfigError
from trm_engine.runs.folder import RunFolder
from trm_engine.sweeps.plan import SweepPlan
from trm_tui.sessions.sweep import SweepSession

PLAN = SweepPlan.model_validate(
    {
        "trials": 8,
        "workers": 2,
        "startup_trials": 2,
        "settings": {
            "training.learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
            "training.batch_size": {"choices": [8, 16]},
        },
    }
)


class FakeSweep:
    """The runs of the trials by number, as they are started."""

    def __init__(self, folder: Path, plan: SweepPlan = PLAN) -> None:
        self.folder = folder
        self.plan = plan
        self.runs: dict[int, FakeRun] = {}
        self.settings: dict[int, list[str]] = {}
        self.refused: set[int] = set()

    def session(self) -> SweepSession:
        """A session as a command opens it."""
        return SweepSession(self.folder, self.plan, "exact_match", self._start)

    def _start(self, folder: RunFolder, settings: list[str]) -> None:
        number = int(folder.path.name.removeprefix("trial-"))
        if number in self.refused:
            raise ConfigError("these do not go together")
        if folder.exists() and folder.state() == "finished":
            return
        self.settings[number] = settings
        self.runs[number] = FakeRun(folder.path, total=100)
        self.runs[number].begin()

    def train(self, number: int, quality: int = 0, updates: int = 50, **more: Any) -> None:
        """Some updates, and an evaluation; ``quality``: see ``panes.evaluation_record``."""
        run = self.runs[number]
        run.train(updates)
        run.evaluations = quality
        run.evaluate(**more)

    def finish(self, number: int, quality: int = 0) -> None:
        """Train to the end."""
        self.train(number, quality, 100 - self.runs[number].step)
        self.runs[number].end("finished")
