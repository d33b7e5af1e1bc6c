"""What a user changes of runs in a list: names, tags, notes, the archive, the baseline."""

from __future__ import annotations

from collections.abc import Sequence

from trm_engine.printable import one_line
from trm_engine.runs.about import change_about, read_about
from trm_engine.runs.delete import delete_run
from trm_engine.runs.folder import RunFolder, list_runs
from trm_engine.runs.summary import RunSummary


def set_name(run: RunSummary, name: str) -> None:
    """Give a run another name in lists; "" gives it that of its folder back."""
    change_about(RunFolder(run.path), name=one_line(name).strip())


def set_note(run: RunSummary, note: str) -> None:
    """Write the note of a run."""
    change_about(RunFolder(run.path), note=note.strip())


def common_tags(runs: Sequence[RunSummary]) -> list[str]:
    """The tags that all runs have."""
    first, *others = runs
    return [tag for tag in first.about.tags if all(tag in run.about.tags for run in others)]


def set_tags(runs: Sequence[RunSummary], text: str) -> None:
    """Replace the tags that all runs have by the words of a text. Others stay."""
    before, words = common_tags(runs), text.replace(",", " ").replace("#", " ").split()
    for run in runs:
        kept = [tag for tag in run.about.tags if tag not in before]
        change_about(RunFolder(run.path), tags=tuple(dict.fromkeys([*kept, *words])))


def archive(runs: Sequence[RunSummary]) -> None:
    """Archive the runs. If all are archived, take them back."""
    archived = not all(run.about.archived for run in runs)
    for run in runs:
        change_about(RunFolder(run.path), archived=archived)


def pin(run: RunSummary) -> None:
    """Make a run the only baseline of its folder, or no longer."""
    for other in list_runs(run.path.parent):
        if other.path != run.path:
            _unpin(other)
    change_about(RunFolder(run.path), baseline=not run.about.baseline)


def delete(runs: Sequence[RunSummary]) -> list[str]:
    """Delete the runs. Returns what is left of their folders."""
    return [str(path) for run in runs for path in delete_run(RunFolder(run.path))]


def _unpin(folder: RunFolder) -> None:
    if read_about(folder).baseline:
        change_about(folder, baseline=False)
