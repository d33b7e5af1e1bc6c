"""A search for label errors finds planted ones, and goes on after a kill as if nothing had been."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.support import dialogues, kill, start_python, write_jsonl
from trm_engine.errors import RunError
from trm_engine.label_errors.suspect import RESULT, read_suspects
from trm_engine.worker.label_errors import Search

SEARCH = """
import sys
from pathlib import Path
from trm_engine.worker.label_errors import Search

settings = ("model.hidden_size=32", "model.num_layers=1", "model.n_latent_recursion=1",
            "model.T_deep_recursion=1", "model.N_supervision=1", "training.num_epochs=3",
            "training.learning_rate=2e-3", "training.batch_size=8",
            "training.warmup_steps=5", "training.device=cpu", "training.save_interval=5",
            "data.vocab_size=400")
search = Search(Path(sys.argv[1]), Path(sys.argv[2]), folds=2, settings=settings)
search.run(lambda what, share: print(what, flush=True))
"""
WRONG = (4, 31, 61)
"""Lines whose direct answer becomes a call."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    samples = dialogues(30)
    for line in WRONG:
        sample = samples[line - 1]
        sample |= {"decision": "tool_call", "tool": {"name": "change_plan", "arguments": {}}}
        sample |= {"content": ""}
    return write_jsonl(tmp_path / "samples.jsonl", samples)


def test_planted_errors_are_found_and_a_killed_search_goes_on(file: Path, tmp_path: Path) -> None:
    broken_off, whole = tmp_path / "broken_off", tmp_path / "whole"
    search = start_python(SEARCH, file, broken_off)
    assert search.stdout
    while "fold 2 of 2: training" not in (said := search.stdout.readline()):
        assert said, search.stderr and search.stderr.read()
    kill(search)
    first = (broken_off / "fold-1.jsonl").read_bytes()
    assert not (broken_off / RESULT).exists()

    again = _finish(start_python(SEARCH, file, broken_off))
    assert "fold 1" not in again
    assert (broken_off / "fold-1.jsonl").read_bytes() == first
    _finish(start_python(SEARCH, file, whole))
    assert (broken_off / RESULT).read_bytes() == (whole / RESULT).read_bytes()
    assert sorted(path.name for path in broken_off.iterdir()) == [
        *("fold-1.jsonl", "fold-2.jsonl", RESULT, "models.yaml", "search.json")
    ]

    decisions = [each for each in read_suspects(whole / RESULT) if each.kind == "decision"]
    assert {each.line for each in decisions[: len(WRONG)]} == set(WRONG)


def test_a_folder_of_another_search_is_refused(file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "search"
    folder.mkdir()
    (folder / "search.json").write_text(json.dumps({"content": "other"}))
    with pytest.raises(RunError, match="holds the search of another file or with other settings"):
        Search(file, folder, folds=2).run(lambda what, share: None)
    assert (folder / "search.json").read_text() == '{"content": "other"}'


def _finish(search: subprocess.Popen[str]) -> str:
    said, errors = search.communicate()
    assert search.returncode == 0, errors
    return said
