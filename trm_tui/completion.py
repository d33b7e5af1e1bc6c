"""Shell completion of paths and settings."""

from __future__ import annotations

from pathlib import Path
from typing import get_args


def complete_config(incomplete: str) -> list[str]:
    """YAML files, and those in ``configs/``."""
    return [*_paths(incomplete, "*.y*ml"), *_usual(incomplete, "configs/*.y*ml")]


def complete_run(incomplete: str) -> list[str]:
    """Folders, and the runs in ``outputs/``."""
    return [*_paths(incomplete), *_usual(incomplete, "outputs/*")]


def complete_checkpoint(incomplete: str) -> list[str]:
    """``.pt`` files, and the runs in ``outputs/`` with their checkpoints."""
    checkpoints = _usual(incomplete, "outputs/*/checkpoints/*.pt")
    return [*_paths(incomplete, "*.pt"), *_usual(incomplete, "outputs/*"), *checkpoints]


def complete_setting(incomplete: str) -> list[tuple[str, str]]:
    """Settings as SECTION.KEY= with what they do, then the values of one that has choices."""
    from trm_engine.config import explained, setting_fields

    key, equals, _ = incomplete.partition("=")
    fields = setting_fields()
    if equals:
        field = fields.get(key)
        choices = get_args(field.annotation) if field else ()
        values = ("true", "false") if field and field.annotation is bool else choices
        return [(f"{key}={value}", "") for value in values if isinstance(value, str)]
    return [
        (f"{name}=", explained(field))
        for name, field in fields.items()
        if name.startswith(incomplete)
    ]


def _paths(incomplete: str, *patterns: str) -> list[str]:
    """Folders beside the typed path, and files that match a pattern. The shell filters them."""
    folder = Path(incomplete + "x").parent
    files = [path for pattern in patterns for path in folder.glob(pattern)]
    folders = [path for path in folder.glob("*") if path.is_dir()]
    return [str(path) for path in files] + [f"{path}/" for path in folders]


def _usual(incomplete: str, pattern: str) -> list[str]:
    """Matches in the usual folders, until the user types another folder."""
    return [] if "/" in incomplete else [str(path) for path in Path().glob(pattern)]
