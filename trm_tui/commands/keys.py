"""`trm-tui keys`: print all keys as a keymap."""

from __future__ import annotations

import typer


def keys() -> None:
    """Print all keys of the screens, as a keymap to change.

    Save what this prints as keys.yaml in the configuration folder, which the first lines name, and
    change what you like. Where that file exists, this checks it.

    \b
    Example:
      trm-tui keys
    """
    from trm_tui.keymap import as_yaml, read_keymap

    typer.echo(as_yaml(read_keymap()), nl=False)
