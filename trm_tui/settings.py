"""The app's own settings, such as theme and smoothing, in the user's configuration folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from msgspec import Meta, Struct, ValidationError, convert, structs
from platformdirs import user_config_path

from trm_engine.files.atomic import write_atomically
from trm_engine.files.plain_yaml import LONGEST, read_yaml
from trm_engine.files.private import private_files

APP = "trm-tui"
BACKUP_SUFFIX = ".unread"
"""Added to the name of a settings file that cannot be read, before a new one is written."""


class Settings(Struct, frozen=True):
    """The settings."""

    theme: str = "trm-dark"
    tab: str = ""
    """The tab that was open last."""
    x_axis: Literal["step", "time", "epoch"] = "step"
    """The x axis of all charts."""
    smoothing: Annotated[float, Meta(ge=0, lt=1)] = 0.9
    """Decay of the smoothed curves; 0: no smoothing."""
    log_scale: dict[str, bool] = {}
    """Whether a chart is logarithmic, by its title."""
    hidden_series: list[str] = []
    """Names of the hidden curves."""
    bell: bool = True
    """Ring the terminal's bell when a run ends."""


class Remembered:
    """The settings of this user. Every change is written to the file.

    ``problem`` describes what is wrong with the file; "" if nothing is. Such a file is renamed
    before a new one is written.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.problem = ""
        self.settings = settings or Settings()
        if settings is None:
            self.settings, self.problem = read()
        self._needs_backup = bool(self.problem)

    def change(self, **changes: Any) -> None:
        """Change settings and write them to the file."""
        changed = structs.replace(self.settings, **changes)
        if changed == self.settings:
            return
        self.settings = changed
        if not self._needs_backup or _back_up():
            self._needs_backup = False
            save(changed)


def settings_path() -> Path:
    """The settings file. XDG_CONFIG_HOME can move it."""
    return user_config_path(APP) / "settings.yaml"


def load() -> Settings:
    """The settings in the file, with defaults for those that are missing or invalid."""
    return read()[0]


def read() -> tuple[Settings, str]:
    """The settings as ``load`` returns them, and what is wrong with the file ("": nothing)."""
    path = settings_path()
    try:
        values = _read(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        return Settings(), f"{path}: {reason}; the defaults are used"
    valid, wrong = {}, []
    for field in structs.fields(Settings):
        if field.name in values:
            try:
                valid[field.name] = convert(values[field.name], field.type, strict=False)
            except ValidationError:
                wrong.append(field.name)
    problem = f"{path}: the defaults are used for {', '.join(wrong)}" if wrong else ""
    return Settings(**valid), problem


def _read(path: Path) -> dict[str, Any]:
    """The file's values by name; {} if there is no file. Raises OSError or ValueError."""
    if not path.exists():
        return {}
    if not path.is_file():
        raise ValueError("not a file")
    with open(path, encoding="utf-8") as file:
        values = read_yaml(file.read(LONGEST + 1)).value
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ValueError("expected a mapping of settings, such as theme: trm-dark")
    return values


def _back_up() -> bool:
    """Rename the settings file. Returns whether that worked."""
    path = settings_path()
    try:
        path.replace(path.with_name(f"{path.name}{BACKUP_SUFFIX}"))
    except OSError:
        return False
    return True


@private_files()
def save(settings: Settings) -> bool:
    """Write the settings atomically. Returns whether that worked."""
    path = settings_path()
    text = yaml.safe_dump(structs.asdict(settings), sort_keys=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text)
    except (OSError, ValueError):
        return False
    return True
