"""What cannot be written in a terminal's encoding becomes ASCII that looks alike."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from trm_tui.text.figures import BLOCKS, DOWN, LEVELS, MARKS, RIGHT, UP, WRONG
from trm_tui.text.look_alikes import LOOK_ALIKES, PAIRS, register


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("╭─ a ✓ ─╮", "+- a v -+"),
        ("│ …  ● ✗│", "| .  * x|"),
        ("╰━━┬═─╯", "+--+--+"),
        ("├┼┤║┃", "+++||"),
        ("é日\ud800", "?" * 4),
    ],
)
def test_borders_and_marks(text: str, written: str) -> None:
    register()
    assert text.encode("ascii", LOOK_ALIKES) == written.encode()


def test_every_mark_has_one_cell_and_no_question_mark() -> None:
    register()
    marks = "".join([*MARKS.values(), UP, DOWN, RIGHT, WRONG, BLOCKS, LEVELS, *map(chr, PAIRS)])
    written = marks.encode("ascii", LOOK_ALIKES)
    assert len(written) == len(marks) and b"?" not in written


def test_the_command_line_uses_them() -> None:
    program = (
        r"import atexit, sys; atexit.register(print, '\u256d\u2500\u2713');"
        "sys.argv[1:] = ['nonsense']; from trm_tui.cli import main; main()"
    )
    surroundings = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0"}
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env=surroundings, capture_output=True, check=False,
    )  # fmt: skip
    assert ended.stdout.strip() == b"+-v"
