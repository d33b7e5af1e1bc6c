"""`trm-tui init`: write a commented configuration to start from."""

from __future__ import annotations

from pathlib import Path

import typer

from trm_engine.errors import ConfigError, in_words
from trm_engine.starter import starter_config
from trm_tui.text.words import shell_word

CONFIG = Path("trm.yaml")
EXAMPLE = Path("configs/default.yaml")


def write_config(path: Path, train_data: str | None, force: bool) -> None:
    """Write the configuration and print the command that trains it.

    Raises:
        ConfigError: the file exists, or cannot be written.
    """
    try:
        with open(path, "w" if force else "x", encoding="utf-8") as file:
            file.write(starter_config(train_data))
    except FileExistsError:
        raise ConfigError(f"{path}: exists already; --force overwrites it") from None
    except OSError as error:
        raise ConfigError(in_words(error)) from None
    typer.echo(f"Wrote {path}. Next: trm-tui train {shell_word(path)}")


def how_to_train() -> str:
    """The commands that train a first model in this folder."""
    if EXAMPLE.is_file():
        return f"trm-tui train {EXAMPLE}"
    return f"trm-tui init && trm-tui train {CONFIG}"
