"""Fixtures that several tests share."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import settings

from tests.forking import Executed
from tests.forks import Forks, popen_of, waitpid_of
from tests.support import dialogues, write_jsonl
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.data.tokenizer import TRMTokenizer

settings.register_profile("tests", deadline=None, max_examples=30)
settings.load_profile("tests")

if hasattr(
    signal, "SIGHUP"
):  # under nohup it is ignored, and processes that tests start inherit that
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


gc.set_threshold(20_000, 10, 10)  # looking for garbage took a sixth of the tests' time


def pytest_collection_finish() -> None:
    """All that is imported and collected stays: there is no garbage among it."""
    gc.freeze()


torch.set_num_threads(1)  # small models: more threads wait for each other


@pytest.fixture(scope="session")
def data_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty conversations of three samples each."""
    return write_jsonl(tmp_path_factory.mktemp("data") / "train.jsonl", dialogues())


@pytest.fixture(scope="session")
def tokenizer(data_file: Path) -> TRMTokenizer:
    """A small tokenizer that keeps case."""
    return TRMTokenizer.train(data_file, data_file.with_name("cased"), vocab_size=400)


@pytest.fixture(scope="session")
def folding_tokenizer(data_file: Path) -> TRMTokenizer:
    """A small tokenizer that folds case."""
    prefix = data_file.with_name("folded")
    return TRMTokenizer.train(data_file, prefix, vocab_size=400, lowercase=True)


@pytest.fixture(scope="session")
def dataset(
    data_file: Path, tokenizer: TRMTokenizer, tmp_path_factory: pytest.TempPathFactory
) -> TRMToolCallingDataset:
    """The conversations of ``data_file``, tokenised."""
    return TRMToolCallingDataset(data_file, tokenizer, cache_dir=tmp_path_factory.mktemp("cache"))


class _Server:
    """The server of forks, which begins when it is asked for."""

    def __init__(self) -> None:
        self.forks: Forks | None = None

    def __call__(self) -> Forks:
        self.forks = self.forks or Forks()
        return self.forks


@pytest.fixture(scope="session")
def fork_server() -> Iterator[_Server]:
    server = _Server()
    yield server
    if server.forks:
        server.forks.close()


@pytest.fixture(scope="session")
def forks(fork_server: _Server) -> Forks:
    """Starts processes that have everything imported."""
    return fork_server()


@pytest.fixture(scope="session", autouse=True)
def _forked_processes(fork_server: _Server) -> Iterator[None]:
    """`trm-tui` and its workers are forked, whoever starts them ..."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subprocess, "Popen", popen_of(fork_server))
        patch.setattr(os, "waitpid", waitpid_of(lambda: fork_server.forks))
        yield


@pytest.fixture(autouse=True)
def _executed_processes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """... but not by tests that are marked."""
    if request.node.get_closest_marker("executed"):
        monkeypatch.setattr(subprocess, "Popen", Executed)
