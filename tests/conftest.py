"""Fixtures that several tests share."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
import torch
from hypothesis import settings

from tests.support import dialogues, write_jsonl
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.data.tokenizer import TRMTokenizer

settings.register_profile("tests", deadline=None, max_examples=30)
settings.load_profile("tests")

if hasattr(
    signal, "SIGHUP"
):  # under nohup it is ignored, and processes that tests start inherit that
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

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
