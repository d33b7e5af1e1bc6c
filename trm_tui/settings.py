"""Settings: what the app remembers of how it was left, in the user's configuration folder."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import yaml
from platformdirs import user_config_path
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
)

APP = "trm-tui"


class Settings(BaseModel):
    """Each setting stands for itself: a value that makes no sense is its default."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    theme: str = Field("trm-dark", description="Name of a theme.")
    tab: str = Field("", description="The tab that was looked at last.")
    x_axis: Literal["step", "time", "epoch"] = Field("step", description="Of all charts.")
    smoothing: float = Field(0.9, ge=0, lt=1, description="Decay of smoothed curves; 0: none.")
    log_scale: dict[str, bool] = Field({}, description="Logarithmic or not, by chart title.")
    hidden_series: list[str] = Field([], description="Curves that are not drawn.")
    bell: bool = Field(True, description="Whether the terminal's bell tells that a run is over.")

    @field_validator("*", mode="wrap")
    @classmethod
    def _default_for_nonsense(
        cls, value: Any, check: ValidatorFunctionWrapHandler, info: ValidationInfo
    ) -> Any:
        try:
            return check(value)
        except ValidationError:
            return cls.model_fields[str(info.field_name)].get_default(call_default_factory=True)


class Remembered:
    """The settings of this user, written whenever one changes."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = load() if settings is None else settings

    def change(self, **changes: Any) -> None:
        """Keep these for the next time."""
        changed = self.settings.model_copy(update=changes)
        if changed != self.settings:
            self.settings = changed
            save(changed)


def settings_path() -> Path:
    """Where the settings are; XDG_CONFIG_HOME decides where there is one."""
    return user_config_path(APP) / "settings.yaml"


def load() -> Settings:
    """The settings of last time; the defaults where there are none, or none that can be read."""
    try:
        values = yaml.safe_load(settings_path().read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError, RecursionError):
        return Settings()
    return Settings.model_validate(values) if isinstance(values, dict) else Settings()


def save(settings: Settings) -> bool:
    """Write the settings, all or nothing. Returns whether they are written."""
    path = settings_path()
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    text = yaml.safe_dump(settings.model_dump(), sort_keys=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    except (OSError, ValueError):
        with suppress(OSError):
            beside.unlink()
        return False
    return True
