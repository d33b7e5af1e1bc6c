"""The console for people, and the streams below it: only our own styles reach a terminal."""

from __future__ import annotations

import io
import subprocess
import sys

from rich.table import Table
from rich.text import Text

from tests.hostile import STYLES, TEXT, hidden_in
from tests.support import ROOT
from trm_tui.text.console import PrintableConsole


def test_text_of_any_kind_is_spelt_out_and_styled_by_us_alone() -> None:
    out = io.StringIO()
    console = PrintableConsole(file=out, force_terminal=True, color_system="standard", width=400)
    table = Table(TEXT, title=TEXT, caption=TEXT)
    table.add_row(TEXT)
    table.add_row(Text(TEXT, "green"))
    for each in (TEXT, Text(TEXT, "red"), table):
        console.print(each)
    assert hidden_in(out.getvalue().encode(), STYLES) == []
    assert "\x1b[32m" in out.getvalue()
    assert out.getvalue().count("[-b][red]page[size]:x:[bold]") == 7


def test_tracebacks_warnings_and_what_is_printed_are_spelt_out() -> None:
    program = (
        "import sys, warnings; from tests.hostile import TEXT;"
        "from trm_engine.printable import guard_output; guard_output();"
        "print(TEXT); sys.stderr.writelines([TEXT]); warnings.warn(TEXT); raise ValueError(TEXT)"
    )
    for settings in ({}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}):
        ended = subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, capture_output=True, env=settings
        )
        assert hidden_in(ended.stdout + ended.stderr) == []
        assert ended.stderr.count(b"\\x1b]52;c;") == 3
