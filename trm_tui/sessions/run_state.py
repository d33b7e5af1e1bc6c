"""RunStatus: the texts of a run's header, and its warnings."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime

from trm_engine.files.held import GONE
from trm_engine.printable import one_line
from trm_engine.runs.commands import COMMANDS
from trm_engine.runs.folder import LOST
from trm_tui.sessions.run import AttachedRun
from trm_tui.text.ending import UNREPORTED, exit_text
from trm_tui.text.words import duration

LARGE_OVERLAP = 0.05
LONG_SECONDS = 48 * 3600.0
"""A training on a CPU that takes longer is probably a mistake."""
READING = "reading the run"


@dataclass(frozen=True)
class RunStatus:
    """The contents of the header. ``figures`` are in order of importance."""

    name: str = ""
    device: str = ""
    state: str = "starting"
    waits_for: str = ""
    figures: tuple[str, ...] = ()
    training: float = 0.0
    preparing: tuple[str, float, float | None] | None = None
    evaluating: tuple[int, int] | None = None
    next_evaluation: str = ""


def unread_status(run: AttachedRun) -> RunStatus:
    """The status of a run before anything of it was read."""
    name = one_line(run.folder.path.name)
    return RunStatus(name, state="opening", preparing=(READING, 0.0, None))


def status_of(run: AttachedRun) -> RunStatus:
    """The current status of a run."""
    store, started = run.store, run.store.started
    preparing = None if run.is_over else store.preparing
    if run.behind:
        preparing = (READING, 1 - run.behind, None)
    return RunStatus(
        name=one_line(run.folder.path.name),
        device="  ".join(map(one_line, (started.device, started.dtype))) if started else "",
        state=run.state,
        waits_for=" ".join(COMMANDS[name].waiting for name in run.waiting),
        figures=_figures(run),
        training=store.step / store.total_steps if store.total_steps else 0.0,
        preparing=preparing,
        evaluating=None if run.is_over else store.evaluating,
        next_evaluation=_next_evaluation(run),
    )


def warnings_of(run: AttachedRun) -> list[str]:
    """The current warnings about a run."""
    store, warnings = run.store, list(run.store.alarms)
    if run.is_removed:
        warnings.append(GONE.format(run.folder.path))
    elif run.state == LOST:
        warnings.append(UNREPORTED.format(exit_text(run.exit_status)))
        warnings += [run.how_to_resume(), f"the log is {run.folder.log}"]
    if store.state == "paused" and store.reason not in ("", "asked to"):
        warnings.append(f"paused: {store.reason}; press p to resume")
    if store.failure and store.has_ended:
        warnings.append(f"failed: {store.failure.message}")
    if seconds := run.silence():
        warnings.append(f"no events from the worker for {duration(seconds)}")
    if unanswered := run.unanswered():
        warnings.append(f"no answer yet to: {', '.join(unanswered)}")
    if store.overfitting:
        warnings.append(str(store.overfitting))
    return warnings + _too_long(run) + _overlap(run)


def _too_long(run: AttachedRun) -> list[str]:
    left = None if run.is_over else run.store.seconds_left()
    is_on_cpu = run.store.started is not None and run.store.started.device.startswith("cpu")
    if left is None or left < LONG_SECONDS or not is_on_cpu:
        return []
    needs = f"this training needs {left / 3600:,.0f} more hours on the CPU"
    return [f"{needs}; `trm-tui init` writes a configuration that needs minutes"]


def _overlap(run: AttachedRun) -> list[str]:
    if not run.store.started:
        return []
    val = run.store.started.data.val
    shared, samples = val.overlap or 0, val.samples
    if shared <= LARGE_OVERLAP * samples:
        return []
    return [f"evaluated on training data: {shared:,} of {samples:,} validation samples are in it"]


def _figures(run: AttachedRun) -> tuple[str, ...]:
    """Figures for the header, most important first."""
    store = run.store
    if not store.total_steps:
        return ()
    speed = store.samples_per_second()
    times = store.columns["time"].newest(1)
    left = None if run.is_over else store.seconds_left()
    figures = [
        f"step {store.step:,}/{store.total_steps:,}",
        f"{duration(left)} left" if left is not None else "",
        f"epoch {store.epoch:.2f}",
        f"{speed:,.0f} samples/s" if speed is not None else "",
        _taken(float(times[0]), run.is_over) if len(times) else "",
        f"ends at {_clock(left)}" if left and run.state == "running" else "",
    ]
    return tuple(filter(None, figures))


def _taken(seconds: float, is_over: bool) -> str:
    return f"took {duration(seconds)}" if is_over else f"{duration(seconds)} so far"


def _next_evaluation(run: AttachedRun) -> str:
    due = _due(run)
    return "" if due is None else f"next evaluation at step {due:,}"


def _due(run: AttachedRun) -> int | None:
    """The update of the next evaluation; None if there will be none."""
    return None if run.is_over else run.store.next_evaluation()


def awaited_evaluation(run: AttachedRun) -> str:
    """What a pane says before the first evaluation: its progress, or when it comes."""
    if run.is_over:
        return "The run ended before its first evaluation"
    if run.store.evaluating:
        done, total = run.store.evaluating
        return f"evaluating, {done / max(total, 1):.0%}"
    due = _due(run)
    when = "" if due is None else f"; the first is at step {due:,}"
    return f"No evaluation yet{when}"


def _clock(seconds: float) -> str:
    return datetime.fromtimestamp(time.time() + seconds).strftime("%H:%M")
