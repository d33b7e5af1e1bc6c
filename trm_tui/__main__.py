"""``python -m trm_tui``: the same as the ``trm-tui`` command."""

import os
import sys

here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
if not sys.flags.safe_path and sys.path[0] == os.getcwd() != here:
    del sys.path[0]  # modules in the current folder must not hide libraries

from trm_tui.cli import main  # noqa: E402 (imports are safe only now)

main()
