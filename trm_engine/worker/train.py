"""Train one run: prepare its data and model, report their sizes, train."""

from __future__ import annotations

import logging
import os
import platform
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import sentencepiece
import torch
import yaml
from msgspec import convert
from msgspec.structs import replace

from trm_engine.checkpoints.file import find_resumable
from trm_engine.config import Config
from trm_engine.data.as_samples import NO_OPTIONS, ConvertOptions
from trm_engine.data.dataset import describe, problems_of
from trm_engine.data.tokenizer import TRMTokenizer
from trm_engine.errors import RunError
from trm_engine.files.atomic import write_atomically
from trm_engine.runs.events import reports_checkpoint
from trm_engine.runs.folder import RunFolder
from trm_engine.runs.schema.events import (
    Labels,
    LogMessage,
    Progress,
    RunData,
    RunStarted,
)
from trm_engine.runs.schema.fields import State
from trm_engine.training.device import choose_device, choose_dtype
from trm_engine.training.distributed import Links, ProcessGroup
from trm_engine.training.loop import Trainer
from trm_engine.training.prepare import build_model, count_parameters, prepare_data
from trm_engine.training.resuming import (
    refuse_other_labels,
    refuse_other_processes,
    refuse_other_settings,
)
from trm_engine.training.run_control import Report, abort_if_asked
from trm_engine.worker.control import Control, Follower
from trm_engine.worker.place import Place

PROGRESS_SECONDS = 0.1
LEAST_SECONDS = 1.0
"""A stage lasts so long before its time left is told."""

ENGINE_LOG = logging.getLogger("trm_engine")


class Notes(logging.Handler):
    """Collects what the engine logs within a ``with`` block, for the run's own log."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())

    def __enter__(self) -> Notes:
        ENGINE_LOG.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        ENGINE_LOG.removeHandler(self)


def train(
    folder: RunFolder, resume: bool, report: Report, control: Control | Follower, place: Place
) -> State:
    """Train the run in a folder. Returns the state that it ends in.

    Raises:
        Abort: it was told to end at once.
        UserError: the run cannot be trained.
    """
    config = _configuration(folder, place)
    torch.set_num_threads(_threads(config, place))
    device = choose_device(config.training.device, place.local_rank)
    group = _group(place, device)
    notes = Notes()
    found = find_resumable(folder.checkpoints(config), notes.texts.append) if resume else None
    tokenizer = TRMTokenizer(found[1]["tokenizer"]) if found else None

    if found:
        refuse_other_processes(*found, group.world_size)
        refuse_other_settings(config, folder.config, found[1])
    else:
        _refuse_other_checkpoints(folder.checkpoints(config))
    contents = found[1].get("data") if found else None
    with notes:
        prepared = prepare_data(config, tokenizer, _progress_events(report, control), contents)
    config = prepared.config
    if found:
        refuse_other_labels(*found, prepared.train.labels)
    if group.is_main:
        write_atomically(folder.tokenizer, prepared.tokenizer.model_bytes)
        _write_config(config, folder)
    val = prepared.val
    is_made = not config.data.val_data or ConvertOptions.of(config.data) != NO_OPTIONS
    if group.is_main and is_made:
        val = val.written_to(folder.validation)
    model = build_model(config, prepared, device)
    trainer = Trainer(config, model, prepared.train, val, folder, report, control, group)
    if found:
        trainer.load(found[1])
    started = RunStarted(
        config=config.to_dict(),
        data=RunData(
            replace(describe(prepared.train), problems=problems_of(prepared.train)),
            replace(describe(val), overlap=prepared.overlap),
        ),
        labels=convert(prepared.train.labels.to_dict(), Labels),
        parameters=count_parameters(model),
        device=_device_name(device),
        dtype=str(model.compute_dtype).removeprefix("torch."),
        dtype_reason=choose_dtype(config.training.dtype, device)[1],
        versions=_versions(),
        git_revision=_git_revision(),
        seed=config.training.seed,
        pid=os.getpid(),
        host=socket.gethostname(),
        world_size=group.world_size,
        total_steps=trainer.total_steps,
        steps_per_epoch=trainer.epochs.ends[0],
        epoch_ends=[end for end in trainer.epochs.ends if end <= trainer.total_steps],
        resumed_from=trainer.moment.step if found else None,
    )
    report(started)
    if found and not reports_checkpoint(folder.events, found[0], trainer.moment.step):
        kind = found[0].stem.partition("_")[0]
        trainer.checkpoints.report_saved(found[0], kind, trainer.moment, found[0].stat().st_size)
    for note in (*notes.texts, *prepared.notes):
        report(LogMessage(level="warning", message=note))
    state = trainer.run()
    group.leave()
    return state


def _configuration(folder: RunFolder, place: Place) -> Config:
    """The run's configuration; that which the main process read, if it started this one."""
    if not place.links:
        return folder.read_config()
    links = Links(place.is_main, place.links)
    if not place.is_main:
        return Config.model_validate(yaml.safe_load(links.tell(b"")))
    config = folder.read_config()
    links.tell(config.dump().encode())
    return config


def _threads(config: Config, place: Place) -> int:
    """Threads for tensors: as configured, else this process's share of what there is."""
    if config.training.num_threads or "OMP_NUM_THREADS" in os.environ:
        return config.training.num_threads or torch.get_num_threads()
    return max(1, torch.get_num_threads() // config.training.nproc_per_node)


def _group(place: Place, device: torch.device) -> ProcessGroup:
    if place.by_torchrun:
        return ProcessGroup.of_torchrun(device)
    return ProcessGroup.of_links(place.rank, place.links, place.world_size, device)


def _refuse_other_checkpoints(checkpoints: Path) -> None:
    """A new run must not overwrite the checkpoints of another one."""
    if any(checkpoints.glob("*.pt")):
        raise RunError(
            f"{checkpoints}: contains the checkpoints of another run; "
            f"choose another --checkpoint-dir, or --resume that run"
        )


def _progress_events(report: Report, control: Control | Follower) -> Callable[[str, float], None]:
    """Progress as events, a few a second at most; a stop is obeyed here too."""
    last = [0.0]
    stage = _Stage("", 0.0, 0.0)

    def progress(what: str, share: float) -> None:
        nonlocal stage
        now = time.monotonic()
        if what != stage.what:
            stage = _Stage(what, share, now)
        if now - last[0] >= PROGRESS_SECONDS:
            last[0] = now
            left = stage.seconds_left(share, now)
            report(Progress(what=what, share=round(share, 4), seconds_left=left))
            abort_if_asked(control, "stop", "abort")

    return progress


@dataclass(frozen=True)
class _Stage:
    """A stage of the preparation, and the share done and the time when it was first heard of."""

    what: str
    share: float
    time: float

    def seconds_left(self, share: float, now: float) -> float | None:
        """How long it will take, at its speed so far; None in its first moments."""
        seconds, done = now - self.time, share - self.share
        if seconds < LEAST_SECONDS or done <= 0:
            return None
        return round(seconds * (1 - share) / done, 1)


def _write_config(config: Config, folder: RunFolder) -> None:
    """Write the resolved configuration, unless it is there already."""
    text = config.dump()
    if folder.config.read_text(encoding="utf-8") != text:
        write_atomically(folder.config, text)


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return f"{device} ({torch.get_num_threads()} threads)"


def _versions() -> dict[str, str]:
    return {
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "sentencepiece": sentencepiece.__version__,
    }


def _git_revision() -> str | None:
    """The revision of this code, if it is a git checkout; never of the current folder's files."""
    checkout = Path(__file__).parents[2] / ".git"
    if not checkout.exists():
        return None
    try:
        result = subprocess.run(
            ["git", f"--git-dir={checkout}", "rev-parse", "--short", "HEAD"],
            capture_output=True,
            text=True,
            timeout=5,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return result.stdout.strip() or None
