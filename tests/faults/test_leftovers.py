"""What a killed process leaves half written: the next start deletes it, and nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.e2e.runs import finish, tiny_run
from tests.faults.command import half_written
from tests.forking import CODE
from tests.support import ROOT

# Killed within what the first argument names, in a training of the folder that the second names.
KILLED = """
import os, signal, sys
import torch
from trm_engine.worker.__main__ import main
def kill(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[1] == "save":
    def save(state, file):
        file.write(b"half a checkpoint")
        file.flush()
        kill()
    torch.save = save
else:
    os.replace = kill
sys.argv[1:] = ["train", sys.argv[2]]
main()
"""
TOKENIZER = """
import os, signal
from trm_engine.data.tokenizer import TRMTokenizer
import sentencepiece
sentencepiece.SentencePieceTrainer.train = lambda **_: os.kill(os.getpid(), signal.SIGKILL)
TRMTokenizer.train_on_texts(["some text"], lowercase=True)
"""


@pytest.mark.parametrize("place", ["save", "replace"])
def test_what_a_killed_start_left_is_deleted_by_the_next(tmp_path: Path, place: str) -> None:
    run, config = tiny_run(tmp_path / "run", max_steps=2, eval_interval=100, save_interval=1)
    killed = subprocess.run([*CODE, KILLED, place, str(run.path)], cwd=ROOT)
    assert killed.returncode == -signal.SIGKILL
    assert half_written(run.path)
    checkpoints = run.path / "checkpoints"
    checkpoints.mkdir(exist_ok=True)
    for left in (
        run.path / ".writable",
        checkpoints / ".epoch_12.pt.new",
        checkpoints / ".best.pt.77.new",
    ):
        left.touch()
    users = (run.path / "notes.new", checkpoints / ".mine.pt.new", tmp_path / ".best.pt.new")
    for path in users:
        path.touch()
    finish(run, config)
    assert sorted(half_written(tmp_path / "run")) == sorted(users[:2])
    assert users[2].exists()


def test_a_tokenizer_that_is_killed_leaves_no_file(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    killed = subprocess.run([*CODE, TOKENIZER], env=environment, cwd=tmp_path)
    assert killed.returncode == -signal.SIGKILL
    assert list(tmp_path.iterdir()) == []
