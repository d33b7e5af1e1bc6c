"""Find label errors: train a model for each fold of a file, and rank what they disagree with.

The model of a fold is trained on the other folds. The folder of a search has ``search.json`` (what
is searched), ``fold-1.jsonl`` and so on (opinions of the models that are finished), ``fold-1/``
(the run of the model that is trained now), and finally ``label_errors.jsonl``. A search that was
broken off goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from msgspec.structs import replace

from trm_engine.config import Config
from trm_engine.data.cache import default_cache_dir
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.data.survey import Survey, survey_file
from trm_engine.errors import Abort, ConfigError, DataError, RunError, UserError, in_words
from trm_engine.files.atomic import atomic_file, write_atomically
from trm_engine.files.jsonl import to_message
from trm_engine.inference.predictor import Predictor
from trm_engine.label_errors.folds import assign_folds
from trm_engine.label_errors.opinions import opinions_on
from trm_engine.label_errors.ranking import rank, refuse_without_library
from trm_engine.label_errors.suspect import (
    RESULT,
    SEARCH,
    Opinion,
    Suspect,
    read_opinions,
    write_records,
)
from trm_engine.printable import data_stream
from trm_engine.runs.events import EventWriter
from trm_engine.runs.folder import RunFolder, claim
from trm_engine.runs.schema.events import NewEvent, Progress, RunStarted, StepColumns
from trm_engine.wording import counted
from trm_engine.worker.control import Control
from trm_engine.worker.place import Place
from trm_engine.worker.train import train

TRAINING_SHARE = 0.95
"""Of the time of a fold; the rest is judging."""

SMALL_MODEL = """\
model:
  hidden_size: 64
  num_heads: 2
  expansion: 2.0
  n_latent_recursion: 1
  T_deep_recursion: 1
  N_supervision: 1
  focal_gamma: 0.0
  decision_weight: 2.0
  slot_weight: 2.0
  slot_span_weight: 1.0
  arg_weight: 1.0
training:
  optimizer: muon
  learning_rate: 2.0e-3
  schedule: linear
  warmup_steps: 50
  num_epochs: 4
  batch_size: 32
  eval_interval: 100000
  save_interval: 200
  keep_checkpoints: 1
data:
  max_length: 512
"""
"""The configuration of the models, unless another one is given: quick rather than exact."""

LEAST_UPDATES = 150
"""On a small file ``SMALL_MODEL`` trains for more epochs, until it has made so many updates."""

Tell = Callable[[str, float], None]
"""Told what is done now, and the share of the whole search that is finished."""


def find_label_errors(arguments: argparse.Namespace) -> int:
    """Print ``progress`` lines and one ``result``, ``stopped`` or ``error`` line."""
    search = Search(
        Path(arguments.data),
        Path(arguments.folder),
        arguments.folds,
        arguments.config and Path(arguments.config),
        tuple(arguments.set),
    )
    try:
        found = search.run(lambda what, share: _tell(type="progress", what=what, share=share))
    except Abort:
        _tell(type="stopped")
        return 0
    except (UserError, OSError) as error:
        message = in_words(error) if isinstance(error, OSError) else str(error)
        _tell(type="error", message=message)
        return 2
    _tell(type="result", samples=found.samples, disputed=found.disputed)
    return 0


def _tell(**record: Any) -> None:
    """Write a line for the process that waits for it."""
    stream = data_stream()
    stream.write(to_message(record))
    stream.flush()


@dataclass(frozen=True)
class Found:
    """The suspects of a search among ``samples``. ``disputed``: samples with a suspect."""

    samples: int
    suspects: list[Suspect]

    @property
    def disputed(self) -> int:
        return len({each.line for each in self.suspects})


@dataclass(frozen=True)
class Search:
    """A search for label errors.

    Attributes:
        file: the samples.
        folder: what is found goes here, and what a search that goes on needs.
        folds: the number of models.
        config: the configuration file of the models; None for ``SMALL_MODEL``.
        settings: changes to it, ``section.key=value``.
    """

    file: Path
    folder: Path
    folds: int
    config: Path | None = None
    settings: tuple[str, ...] = ()

    def run(self, tell: Tell) -> Found:
        """Train what is not trained yet, and rank.

        Raises:
            UserError: a file or a setting cannot be used, or the folder holds another search.
            Abort: it was asked to stop; what is finished is kept.
        """
        refuse_without_library()
        config = self._read_config()
        cache = Path(config.data.cache_dir) if config.data.cache_dir else default_cache_dir()
        survey = survey_file(
            self.file, cache, config.data.on_error, lambda what, share: tell(what, 0.0)
        )
        dialogues = np.asarray(survey.dialogues)
        if len(np.unique(dialogues)) < self.folds:
            count = len(np.unique(dialogues))
            raise DataError(
                f"{self.file}: has {counted(count, 'conversation')}, too few for {self.folds} folds"
            )
        if not self.config:
            config = _with_enough_epochs(config, len(dialogues), self.settings)
        self._claim(survey, config)
        fold_of = assign_folds(dialogues, self.folds)
        opinions = []
        for number in range(self.folds):
            done = self.folder / f"fold-{number + 1}.jsonl"
            if not done.exists():
                fold = _Fold(self, config, survey, fold_of == number, number)
                fold.judge(done, tell)
            opinions += read_opinions(done)
        suspects = rank(opinions)
        write_records(self.folder / RESULT, suspects)
        return Found(len(opinions), suspects)

    def _read_config(self) -> Config:
        source = self.config or self.folder / "models.yaml"
        if not self.config:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomically(source, SMALL_MODEL.encode())
        config = Config.from_yaml(source, self.settings)
        for key, flag in (("slots", "--slot"), ("tools", "--tools")):
            if getattr(config.data, key):  # corrections would be to samples without them
                raise ConfigError(
                    f"data.{key}: first convert the file with it (trm-tui data convert {flag} …), "
                    f"then search the converted file without it"
                )
        return config

    def _claim(self, survey: Survey, config: Config) -> None:
        """Note what is searched. Raise RunError if the folder holds another search."""
        self.folder.mkdir(parents=True, exist_ok=True)
        note = self.folder / SEARCH
        settings = config.to_dict()
        own = {"content": survey.content, "folds": self.folds, "config": settings}
        text = json.dumps(own, sort_keys=True)
        if note.exists() and note.read_text(encoding="utf-8") != text:
            raise RunError(
                f"{self.folder}: holds the search of another file or with other settings; "
                f"choose another folder"
            )
        write_atomically(note, text.encode())


def _with_enough_epochs(config: Config, samples: int, settings: tuple[str, ...]) -> Config:
    """The configuration with at least ``LEAST_UPDATES``, unless the settings say how many."""
    if any(each.startswith(("training.num_epochs", "training.max_steps")) for each in settings):
        return config
    epochs = math.ceil(LEAST_UPDATES * config.training.batch_size / samples)
    values: dict[str, Any] = config.to_dict()
    values["training"]["num_epochs"] = max(config.training.num_epochs, epochs)
    return Config.model_validate(values)


@dataclass(frozen=True)
class _Fold:
    """One fold: its samples are judged by a model that is trained on the others."""

    search: Search
    config: Config
    survey: Survey
    is_held_out: np.ndarray
    number: int

    def judge(self, done: Path, tell: Tell) -> None:
        """Train, judge, keep the opinions in ``done``, and remove the run."""
        folder = RunFolder(self.search.folder / f"fold-{self.number + 1}")
        what = f"fold {self.number + 1} of {self.search.folds}"

        def tell_part(doing: str, share: float) -> None:
            tell(f"{what}: {doing}", (self.number + share) / self.search.folds)

        def tell_judged(share: float) -> None:
            tell_part("judging", TRAINING_SHARE + (1 - TRAINING_SHARE) * share)

        self._prepare(folder)
        self._train(folder, tell_part)
        predictor = Predictor.load(folder.path / "checkpoints" / "last.pt", self._device)
        held_out = TRMToolCallingDataset.as_read_by(
            predictor, folder.path / "held_out.jsonl", cache_dir=folder.path / "cache"
        )
        rows = np.flatnonzero(self.is_held_out)
        lines = np.asarray(self.survey.lines)[rows].tolist()
        found = opinions_on(held_out, predictor, tell_judged)
        write_records(done, (_with_line(each, lines) for each in found))
        shutil.rmtree(folder.path)

    @property
    def _device(self) -> str:
        return self.config.training.device

    def _prepare(self, folder: RunFolder) -> None:
        """Write the samples and the configuration of the fold's run, unless it was begun."""
        if folder.exists():
            return
        folder.create()
        parts = {"train.jsonl": ~self.is_held_out, "held_out.jsonl": self.is_held_out}
        for name, rows in parts.items():
            with atomic_file(folder.path / name) as file:
                for row in np.flatnonzero(rows).tolist():
                    file.write(self.survey.raw(row) + b"\n")
        values: dict[str, Any] = self.config.to_dict()
        values["data"] |= {
            "train_data": str((folder.path / "train.jsonl").absolute()),
            "val_data": str((folder.path / "held_out.jsonl").absolute()),
            "cache_dir": str((folder.path / "cache").absolute()),
            "on_error": "fail",
        }
        values["training"] |= {
            "output_dir": str(folder.path.absolute()),
            "checkpoint_dir": str((folder.path / "checkpoints").absolute()),
        }
        config = Config.model_validate(values)
        write_atomically(folder.config, config.dump().encode())

    def _train(self, folder: RunFolder, tell: Tell) -> None:
        """Train the fold's run, or go on with it. Raises Abort if it was asked to stop."""
        resume = any((folder.path / "checkpoints").glob("*.pt"))
        with claim(folder):
            report = _Report(EventWriter(folder.events), tell)
            control = Control(folder.commands, tied=False)
            try:
                state = train(folder, resume, report, control, Place())
            finally:
                report.close()
        if state != "finished":
            raise Abort


class _Report:
    """Writes the events of a run, and tells how far it is."""

    def __init__(self, events: EventWriter, tell: Tell) -> None:
        self._events, self._tell = events, tell
        self._total = 0

    def __call__(self, event: NewEvent) -> None:
        self._events(event)
        if isinstance(event, RunStarted):
            self._total = event.total_steps
        elif isinstance(event, Progress):
            self._tell(event.what, 0.0)
        elif isinstance(event, StepColumns) and self._total:
            step = event.columns["step"][-1] or 0
            self._tell("training", TRAINING_SHARE * step / self._total)

    def sync(self) -> None:
        self._events.sync()

    def close(self) -> None:
        self._events.close()


def _with_line(opinion: Opinion, lines: list[int]) -> Opinion:
    """The opinion with the sample's line in the searched file."""
    return replace(opinion, line=lines[opinion.line - 1])
