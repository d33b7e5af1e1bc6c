"""A plain implementation of the training process's step, for others to be measured against.

The same model and the same losses, but everything at once: the outputs of all supervision steps are
kept until one backward pass, in fp32, with attention written out.
"""

from __future__ import annotations

from unittest.mock import patch

from torch import Tensor

from trm_engine.data.collator import Batch
from trm_engine.models import layers
from trm_engine.models.trm import TRMForToolCalling
from trm_engine.training.losses import DeepSupervisionLoss
from trm_engine.training.targets import Targets


def plain_step(model: TRMForToolCalling, batch: Batch) -> Tensor:
    """Forward and backward of one update; returns its loss."""
    with patch.object(layers, "attend", _attend):
        outputs = model.train_step(batch["input_ids"], batch["attention_mask"], batch["role_ids"])
    targets = Targets.of(batch)
    losses = DeepSupervisionLoss(model.config)(
        outputs, targets.decision, targets.tool, targets.presence, targets.values
    )
    losses["total_loss"].backward()
    model.zero_grad(set_to_none=True)
    return losses["total_loss"].detach()


def _attend(q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
    scores = q @ k.mT * q.shape[-1] ** -0.5 + bias
    return scores.softmax(dim=-1) @ v
