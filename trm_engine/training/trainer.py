"""Trainer: epochs, updates, evaluations, checkpoints, commands."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from trm_engine.config import Config
from trm_engine.data.collator import (
    LENGTH_STEP,
    BucketBatchSampler,
    TRMCollator,
    split_batch,
)
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.data.training_items import TrainingItems
