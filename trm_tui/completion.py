"""Shell completion of paths: configurations, runs and checkpoints."""

from __future__ import annotations

from pathlib import Path


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


def _paths(incomplete: str, *patterns: str) -> list[str]:
    """Folders beside the typed path, and files that match a pattern. The shell filters them."""
    folder = Path(incomplete + "x").parent
    files = [path for pattern in patterns for path in folder.glob(pattern)]
    folders = [path for path in folder.glob("*") if path.is_dir()]
    return [str(path) for path in files] + [f"{path}/" for path in folders]


def _usual(incomplete: str, pattern: str) -> list[str]:
    """Matches in the usual folders, until the user types another folder."""
    return [] if "/" in incomplete else [str(path) for path in Path().glob(pattern)]
