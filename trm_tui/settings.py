"""Settings: what the app remembers of how it was left, in the user's configuration folder."""

from __future__ import annotations

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

from trm_engine.files.atomic import write_atomically
from trm_engine.files.plain_yaml import LONGEST, read_yaml
from trm_engine.files.private import private_files

APP = "trm-tui"
ASIDE = ".unread"
"""Suffix of the name that a settings file gets that cannot be read, before it is replaced."""


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
    """The settings of this user, written whenever one changes.

    ``problem`` says what of the file cannot be used; "" if all can. Such a file is not overwritten
    but set aside.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.problem = ""
        self.settings = settings or Settings()
        if settings is None:
            self.settings, self.problem = read()
        self._is_to_be_kept = bool(self.problem)

    def change(self, **changes: Any) -> None:
        """Keep these for the next time."""
        changed = self.settings.model_copy(update=changes)
        if changed == self.settings:
            return
        self.settings = changed
        if not self._is_to_be_kept or _set_aside():
            self._is_to_be_kept = False
            save(changed)


def settings_path() -> Path:
    """Where the settings are; XDG_CONFIG_HOME decides where there is one."""
    return user_config_path(APP) / "settings.yaml"


def load() -> Settings:
    """The settings of last time; defaults for what cannot be used."""
    return read()[0]


def read() -> tuple[Settings, str]:
    """The settings of last time, and what of them cannot be used ("": all can).

    What cannot be used has its default; so has everything where there is no file.
    """
    path = settings_path()
    try:
        values = _read(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        return Settings(), f"{path}: {reason}; the defaults are used"
    settings = Settings.model_validate(values)
    wrong = [name for name, value in values.items() if _is_replaced(settings, name, value)]
    problem = f"{path}: the defaults are used for {', '.join(wrong)}" if wrong else ""
    return settings, problem


def _read(path: Path) -> dict[str, Any]:
    """What a file holds, by name; nothing if there is none. Raises OSError, ValueError."""
    if not path.exists():
        return {}
    if not path.is_file():
        raise ValueError("not a file")
    with open(path, encoding="utf-8") as file:
        values = read_yaml(file.read(LONGEST + 1)).value
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ValueError("expected settings by name, as theme: trm-dark")
    return values


def _is_replaced(settings: Settings, name: str, value: Any) -> bool:
    if name not in Settings.model_fields:
        return False
    default = Settings.model_fields[name].get_default(call_default_factory=True)
    return bool(value != default and getattr(settings, name) == default)


def _set_aside() -> bool:
    """Rename the settings so that they are kept beside. Returns whether they are."""
    path = settings_path()
    try:
        path.replace(path.with_name(f"{path.name}{ASIDE}"))
    except OSError:
        return False
    return True


@private_files()
def save(settings: Settings) -> bool:
    """Write the settings, all or nothing. Returns whether they are written."""
    path = settings_path()
    text = yaml.safe_dump(settings.model_dump(), sort_keys=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text)
    except (OSError, ValueError):
        return False
    return True
