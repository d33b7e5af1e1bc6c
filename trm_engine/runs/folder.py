"""RunFolder: the files of a run, its lock and its state."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from trm_engine.errors import CheckpointError, RunError, no_such_file
from trm_engine.files.held import is_locked, lock_folder
from trm_engine.files.private import private_files
from trm_engine.runs.events import ENDED, last_state

if TYPE_CHECKING:
    from filelock import FileLock

    from trm_engine.config import Config

LOST = "lost"
"""State of a run whose worker exited without reporting."""

LIVE = (
    "{}: a run is live in this folder; "
    "`trm-tui train` with another --output-dir starts a second one"
)
LEFTOVER = re.compile(
    r"\.writable|\.?(config\.yaml|validation\.jsonl|tokenizer\.model|events\.columns)(\.\d+)?\.new"
    r"|\.(model|model_ema|best|last|(step|epoch)_\d+)\.pt(\.\d+)?\.new"
)
"""Names of half-written files that a killed process leaves, also of earlier versions."""

LOOK_SECONDS = 1.0
"""How long a worker waits for the lock. A viewer locks it briefly to see if a run is live."""


@dataclass(frozen=True)
class RunFolder:
    """The files of one run; docs/run-folder.md describes them."""

    path: Path

    @property
    def config(self) -> Path:
        return self.path / "config.yaml"

    @property
    def events(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def commands(self) -> Path:
        return self.path / "commands.jsonl"

    @property
    def log(self) -> Path:
        return self.path / "worker.log"

    @property
    def tokenizer(self) -> Path:
        return self.path / "tokenizer.model"

    @property
    def validation(self) -> Path:
        """The held-out samples, or those of data.val_data if options converted them."""
        return self.path / "validation.jsonl"

    @property
    def model(self) -> Path:
        return self.path / "model.pt"

    @property
    def model_ema(self) -> Path:
        return self.path / "model_ema.pt"

    def read_config(self) -> Config:
        """The run's configuration, without settings that were removed since.

        Raises:
            ConfigError: it is missing, or a key or value is invalid.
        """
        from trm_engine.config import Config  # takes 0.1 s, and most commands need it late

        return Config.from_yaml(self.config, ignore_retired=True)

    def checkpoints(self, config: Config) -> Path:
        """The folder of the checkpoints. By default it is in the run's folder."""
        if "checkpoint_dir" in config.training.model_fields_set:
            return Path(config.training.checkpoint_dir)
        return self.path / config.training.checkpoint_dir

    def remove_leftovers(self, config: Config) -> None:
        """Delete half-written files of a killed worker. The caller must have claimed the run."""
        for place in (self.path, self.checkpoints(config)):
            for path in place.glob("*"):
                if LEFTOVER.fullmatch(path.name):
                    with suppress(OSError):
                        path.unlink()

    def exists(self) -> bool:
        """Whether there is a run in this folder."""
        return self.config.exists()

    def lock(self) -> FileLock:
        """The lock file. A worker holds its lock as long as it lives."""
        from filelock import FileLock  # slow to import

        return FileLock(self.path / "worker.lock", timeout=LOOK_SECONDS)

    def is_live(self) -> bool:
        """Whether a worker is running.

        A worker locks the folder, which cannot be deleted by accident, and worker.lock, which
        other machines on a shared disk see.
        """
        for path in (self.path, self.path / "worker.lock"):
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError:  # another user's: it may be live
                return True
            try:
                if is_locked(descriptor):
                    return True
            finally:
                os.close(descriptor)
        return False

    def state(self) -> str | None:
        """The run's state; "lost" if its worker died; None if it never started."""
        state = last_state(self.events)
        if state is None or state in ENDED or self.is_live():
            return state
        return LOST

    @private_files()
    def create(self) -> None:
        """Create the folder, private to this user, unless it exists.

        Raises:
            RunError: it cannot be created or written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if not os.access(self.path, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        except OSError as error:
            raise RunError(
                f"{self.path}: the output folder cannot be written: {error.strerror}"
            ) from None


def claim(folder: RunFolder, is_handed: bool = False) -> ExitStack:
    """Lock the run for this process, until the returned lock is closed.

    ``is_handed``: the parent process has locked the folder for this one (``hand_over``).

    Raises:
        RunError: another worker has locked it.
    """
    with _lock_errors(folder):
        return _take(folder, is_handed)


def hand_over(folder: RunFolder) -> int:
    """Lock the run for a worker that will be started. Returns the descriptor that it inherits.

    The lock covers the time between writing the configuration and the worker's start.

    Raises:
        RunError: another worker has locked it, or is being started.
    """
    with _lock_errors(folder):
        return lock_folder(folder.path, LOOK_SECONDS)


@contextmanager
def _lock_errors(folder: RunFolder) -> Iterator[None]:
    """Turn errors of locking into RunError."""
    try:
        yield
    except TimeoutError:
        raise RunError(LIVE.format(folder.path)) from None
    except OSError as error:
        raise RunError(f"{folder.path}: cannot be locked: {error.strerror}") from None


def _take(folder: RunFolder, is_handed: bool = False) -> ExitStack:
    """Lock the folder and worker.lock. The latter works between machines on a shared disk.

    Raises:
        TimeoutError: another process has locked one of them.
        OSError: they cannot be locked.
    """
    with ExitStack() as taken:
        if not is_handed:
            taken.callback(os.close, lock_folder(folder.path, LOOK_SECONDS))
        taken.enter_context(folder.lock())
        return taken.pop_all()


def claim_checkpoints(folder: RunFolder, config: Config) -> ExitStack:
    """Lock the folder of the checkpoints, if it is outside the run's folder.

    Raises:
        RunError: another run saves there.
    """
    own, place = folder.path.resolve(), folder.checkpoints(config).resolve()
    if own in (place, place.parent):
        return ExitStack()
    try:
        place.mkdir(parents=True, exist_ok=True)
        taken = _take(RunFolder(place))
    except OSError as error:
        is_taken = isinstance(error, TimeoutError)
        problem = (
            "another run is saving here" if is_taken else f"cannot be locked: {error.strerror}"
        )
        raise RunError(f"{place}: {problem}; choose another --checkpoint-dir") from None
    if RunFolder(place.parent).exists():
        taken.close()
        raise RunError(f"{place}: belongs to another run; choose another --checkpoint-dir")
    return taken


def find_checkpoint(path: Path) -> Path:
    """The checkpoint at a path: the file itself, a run's best.pt, or else its last.pt.

    In the folder of an exported model it is the file with its weights.

    Raises:
        CheckpointError: there is none.
        ConfigError: the run's configuration is invalid.
    """
    from trm_engine.exports.folder import model_file  # takes as long as all else here

    if path.is_file():
        return path
    if not path.is_dir():
        raise CheckpointError(no_such_file(path, "*.pt" if path.suffix else "*"))
    if exported := model_file(path):
        return exported
    run = RunFolder(path)
    folder = run.checkpoints(run.read_config()) if run.exists() else path
    for name in ("best.pt", "last.pt"):
        if (folder / name).is_file():
            return folder / name
    raise CheckpointError(f"{folder}: contains neither best.pt nor last.pt")


def find_run(checkpoint: Path, config: Config | None = None) -> RunFolder | None:
    """The run that a checkpoint or weights file belongs to; None if it is not found.

    The file is in the run's folder or one folder below. Otherwise ``config`` names the folder.
    """
    places = [checkpoint.absolute().parent, checkpoint.absolute().parent.parent]
    if config:
        places.append(Path(config.training.output_dir))
    return next((RunFolder(place) for place in places if RunFolder(place).exists()), None)


def default_output_dir(config_path: str | Path, now: datetime | None = None) -> Path:
    """``outputs/<config name>-<date>-<time>``, with a number appended if that exists."""
    stamp = (now or datetime.now()).strftime("%Y%m%d-%H%M%S")
    base = Path("outputs") / f"{Path(config_path).stem}-{stamp}"
    path, count = base, 1
    while path.exists():
        count += 1
        path = base.with_name(f"{base.name}-{count}")
    return path


def list_runs(parent: str | Path = "outputs") -> list[RunFolder]:
    """The runs in a folder, newest first."""
    runs: dict[RunFolder, float] = {}
    for path in Path(parent).glob("*"):
        with suppress(OSError):  # not a run, or another user's
            runs[RunFolder(path)] = os.stat(path / "config.yaml").st_mtime
    return sorted(runs, key=lambda run: runs[run], reverse=True)
