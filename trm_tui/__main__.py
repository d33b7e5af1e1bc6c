"""``python -m trm_tui``: the same as the ``trm-tui`` command."""

from trm_tui.cli import main

main()
