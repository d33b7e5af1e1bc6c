"""SweepPlan: which settings a sweep varies, how, and how often. Read from YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Protocol, Self, get_args

from pydantic import Field, ValidationError, model_validator

from trm_engine.config import Config, Section, known_keys
from trm_engine.errors import ConfigError, did_you_mean, in_words, no_such_file
from trm_engine.files.plain_yaml import LONGEST, YamlError, read_yaml
from trm_engine.runs.best import BestMetric

Scalar = bool | int | float | str | None


class Suggesting(Protocol):
    """The part of Optuna's trial that chooses values."""

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None, log: bool
    ) -> float: ...
    def suggest_int(self, name: str, low: int, high: int, *, step: int, log: bool) -> int: ...
    def suggest_categorical(self, name: str, choices: list[Any]) -> Any: ...


class Space(Section):
    """The values of one setting: a range from ``low`` to ``high``, or ``choices``.

    ``log``: small values are as likely as large ones. ``step``: the distance between values.
    """

    low: float | None = None
    high: float | None = None
    log: bool = False
    step: float | None = Field(None, gt=0)
    choices: list[Scalar] | None = None

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if self.choices is not None:
            if not self.choices:
                raise ValueError("there are no choices")
            if {self.low, self.high, self.step} != {None} or self.log:
                raise ValueError("choices have no low, high, log and step")
            return self
        if self.low is None or self.high is None:
            raise ValueError("give low and high, or choices")
        if self.low > self.high:
            raise ValueError(f"low {self.low:g} is above high {self.high:g}")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("with log, low must be above 0, and there is no step")
        return self

    def suggest(self, trial: Suggesting, key: str) -> Scalar:
        """A value that the sampler chooses."""
        if self.choices is not None:
            chosen: Scalar = trial.suggest_categorical(key, self.choices)
            return chosen
        assert self.low is not None and self.high is not None
        if is_whole(key):
            low, high = round(self.low), round(self.high)
            return trial.suggest_int(key, low, high, step=round(self.step or 1), log=self.log)
        return trial.suggest_float(key, self.low, self.high, step=self.step, log=self.log)


class SweepPlan(Section):
    """A sweep. ``metric``: the metric to optimise, training.best_metric if unset."""

    settings: dict[str, Space]
    trials: int = Field(20, ge=1)
    workers: int = Field(1, ge=1, le=64)
    metric: BestMetric | None = None
    sampler: Literal["tpe", "random"] = "tpe"
    pruner: Literal["median", "none"] = "median"
    startup_trials: int = Field(5, ge=1)
    seed: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _settings_exist(self) -> Self:
        if not self.settings:
            raise ValueError("there are no settings to vary")
        for key in self.settings:
            if key not in known_keys():
                raise ValueError(f"unknown setting '{key}'{did_you_mean(key, known_keys())}")
        return self

    def suggest(self, trial: Suggesting) -> dict[str, Scalar]:
        """The values of all settings for a trial."""
        return {key: space.suggest(trial, key) for key, space in self.settings.items()}


def read_plan(path: Path) -> SweepPlan:
    """Read a plan.

    Raises:
        ConfigError: the file is missing or invalid.
    """
    try:
        with open(path, encoding="utf-8") as file:
            document = read_yaml(file.read(LONGEST + 1))
        if not isinstance(document.value, dict):
            raise ConfigError(f"{path}: expected settings, and how often to vary them")
        return SweepPlan.model_validate(document.value)
    except FileNotFoundError:
        raise ConfigError(no_such_file(path, "*.y*ml")) from None
    except OSError as error:
        raise ConfigError(in_words(error)) from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not UTF-8 text") from None
    except YamlError as error:
        raise ConfigError(f"{path}, line {error.line}: {error.problem}") from None
    except ValidationError as error:
        lines = [_line(dict(each)) for each in error.errors()]
        raise ConfigError("\n".join(f"{path}: {line}" for line in lines)) from None


def is_whole(key: str) -> bool:
    """Whether a setting is a whole number."""
    section, name = key.split(".")
    kind = type(getattr(Config(), section)).model_fields[name].annotation
    return int in (kind, *get_args(kind))


def _line(problem: dict[str, Any]) -> str:
    place = ".".join(map(str, problem["loc"]))
    message = problem["msg"].removeprefix("Value error, ")
    return f"{place}: {message}" if place else message
