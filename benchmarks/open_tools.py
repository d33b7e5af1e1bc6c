"""``python -m benchmarks.open_tools FOLDER``: train, and judge on tools that training never saw.

FOLDER holds ``train.jsonl`` (or ``.jsonl.gz``) and the sets ``val_seen``, ``val_renamed`` and
``val_unseen``. F1 of the decision is over samples whose history ends with a user turn.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from benchmarks.learning import NoCommands
from trm_engine.checkpoints.file import load_checkpoint
from trm_engine.config import Config
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.data.tokenizer import TRMTokenizer
from trm_engine.runs.events import Silent
from trm_engine.runs.folder import RunFolder
from trm_engine.runs.schema.events import NewEvent, StepColumns
from trm_engine.training.device import choose_device
from trm_engine.training.distributed import ProcessGroup
from trm_engine.training.evaluate import Evaluator
from trm_engine.training.loop import Trainer
from trm_engine.training.prepare import build_model, prepare_data

SETS = ("val_seen", "val_renamed", "val_unseen")


def main() -> int:
    """Train on FOLDER/train.jsonl, judge on the sets; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="holds the sets of shared data, as JSON lines")
    parser.add_argument("--config", default="configs/default.yaml")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder for the checkpoints")
    parser.add_argument(
        "--resume",
        type=Path,
        metavar="CHECKPOINT",
        help="go on from a checkpoint of --keep; from one of a longer run, too, if it was saved in "
        "the first half of both runs, where the learning rate is constant",
    )
    parser.add_argument(
        "--every", type=int, default=0, help="also judge every N updates, on a part"
    )
    parser.add_argument("--part", type=int, default=400, help="samples of that part")
    parser.add_argument("--services", type=int, help="train on the calls of so many services only")
    parser.add_argument("--set", action="append", default=[], metavar="section.key=value")
    arguments = parser.parse_args()
    config = Config.from_yaml(
        arguments.config,
        [
            f"data.train_data={_file(arguments.folder, 'train')}",
            f"data.val_data={_file(arguments.folder, 'val_seen')}",
            f"training.seed={arguments.seed}",
            f"training.num_epochs={arguments.epochs}",
            "training.eval_interval=1000000",
            "training.save_interval=1000000",
            *arguments.set,
        ],
    )
    with tempfile.TemporaryDirectory() as temporary:
        _run(config, RunFolder(arguments.keep or Path(temporary)), arguments)
    return 0


def _run(config: Config, folder: RunFolder, arguments: argparse.Namespace) -> None:
    torch.set_num_threads(config.training.num_threads or torch.get_num_threads())
    found = load_checkpoint(arguments.resume, to_resume=True) if arguments.resume else None
    prepared = prepare_data(config, TRMTokenizer(found["tokenizer"]) if found else None)
    config = prepared.config
    model = build_model(config, prepared, choose_device(config.training.device))
    print(sum(each.numel() for each in model.parameters()), "parameters", flush=True)
    sets = {
        name: TRMToolCallingDataset.as_read_by(prepared.train, _file(arguments.folder, name))
        for name in SETS
    }
    folder.checkpoints(config).mkdir(parents=True, exist_ok=True)
    watched = prepared.val.subset(np.arange(32))
    report = _Watching(arguments.every)
    train = _of_services(prepared.train, arguments.services)
    trainer = Trainer(config, model, train, watched, folder, report, NoCommands(), ProcessGroup())
    if found:
        trainer.load(found)
    report.judge = lambda: _judge(trainer, {k: _part(v, arguments.part) for k, v in sets.items()})
    began, cpu = time.perf_counter(), time.process_time()
    trainer.run()
    minutes, of_cpu = time.perf_counter() - began, time.process_time() - cpu
    print(f"{minutes / 60:.1f} minutes, {of_cpu / 60:.1f} of CPU")
    _judge(trainer, sets)


def _judge(trainer: Trainer, sets: dict[str, TRMToolCallingDataset]) -> None:
    with trainer.state.averaged():
        for name, dataset in sets.items():
            evaluator = Evaluator(trainer.model, dataset)
            list(evaluator.batches())
            found = evaluator.evaluation()
            asked = [dataset.sample(i).history[-1].role == "user" for i in range(len(dataset))]
            called = evaluator.answers.decision[-1] > 0.5
            truth = evaluator.truth.decision
            right = (called & truth)[asked].sum()
            f1 = 2 * right / max(1, called[asked].sum() + truth[asked].sum())
            steps = " ".join(f"{step.exact_match:.3f}" for step in found.by_step)
            print(
                f"  {trainer.state.global_step} {name}: F1 {f1:.3f}"
                f", tool {found.tool.accuracy:.3f}, arguments {found.arguments.accuracy:.3f}"
                f", exact {found.exact_match:.3f}, by step {steps}",
                flush=True,
            )


def _of_services(train: TRMToolCallingDataset, count: int | None) -> TRMToolCallingDataset:
    """The dialogues that call tools of ``count`` services only, and any. Others stay on offer.

    The tools of a service are on offer together, always.
    """
    if count is None:
        return train
    items = [train[index] for index in range(len(train))]
    offered = np.array([item["tool_mask"].numpy() for item in items])
    services = np.unique(offered, axis=1, return_inverse=True)[1]
    tools = np.array([int(item["tool_name_label"]) for item in items])
    chosen = np.random.default_rng(0).permutation(services.max() + 1)[:count]
    is_chosen = np.isin(services[tools.clip(0)], chosen)
    others = train.dialogues[(tools >= 0) & ~is_chosen]
    kept = np.isin(train.dialogues, train.dialogues[(tools >= 0) & is_chosen])
    part = train.subset(np.flatnonzero(kept & ~np.isin(train.dialogues, others)))
    print(f"{count} of {services.max() + 1} services, {len(part)} of {len(train)} samples")
    return part


def _part(dataset: TRMToolCallingDataset, samples: int) -> TRMToolCallingDataset:
    whole = np.unique(dataset.dialogues)
    kept = whole[:: max(1, len(dataset) // samples)]
    return dataset.subset(np.flatnonzero(np.isin(dataset.dialogues, kept)))


def _file(folder: Path, name: str) -> Path:
    packed = folder / f"{name}.jsonl.gz"
    return packed if packed.exists() else folder / f"{name}.jsonl"


class _Watching(Silent):
    """Judges the model every so many updates; 0 for never."""

    def __init__(self, every: int) -> None:
        self.every = every
        self.judge: Callable[[], None] = lambda: None

    def __call__(self, event: NewEvent) -> None:
        if isinstance(event, StepColumns) and self.every:
            for step in event.columns["step"]:
                if step and step % self.every == 0:
                    self.judge()


if __name__ == "__main__":
    raise SystemExit(main())
