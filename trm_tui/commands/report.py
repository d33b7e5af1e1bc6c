"""`trm-tui report`: write a report of one run, or of several in comparison."""

from __future__ import annotations

from pathlib import Path

from trm_engine.errors import RunError, in_words
from trm_engine.files.atomic import write_atomically
from trm_engine.runs.folder import RunFolder
from trm_tui.commands.watch import find_run_folder
from trm_tui.sessions.run import AttachedRun

SECONDS = 1.0


def write_report(runs: list[Path], out: Path, force: bool) -> None:
    """Write a report.

    Raises:
        RunError: a run cannot be read, or the file cannot be written.
    """
    from trm_tui.report.content import report_of
    from trm_tui.report.render import FORMATS, rendered

    kind = FORMATS.get(out.suffix.lower())
    if kind is None:
        raise RunError(f"{out}: a report ends in .html or .md")
    if out.exists() and not force:
        raise RunError(f"{out}: exists already; --force overwrites it")
    attached = [read_whole(find_run_folder(path)) for path in runs]
    try:
        write_atomically(out, rendered(report_of(attached), kind))
    except OSError as error:
        raise RunError(in_words(error)) from None


def read_whole(folder: RunFolder) -> AttachedRun:
    """A run with all events that it has so far.

    Raises:
        UserError: its configuration cannot be read.
    """
    run = AttachedRun.checked(folder)
    run.look()
    run.drain(SECONDS)
    while run.behind:
        run.drain(SECONDS)
    return run
