"""A plain implementation of the training process's step, for others to be measured against.

The same model and the same losses, but everything at once: the outputs of all supervision steps are
kept until one backward pass, in fp32, with attention written out.
"""

from __future__ import annotations

import torch
from torch import Tensor

from trm_engine.data.collator import Batch
from trm_engine.models.embeddings import Context
from trm_engine.models.layers import Attention, Block, rms_norm, rotate
from trm_engine.models.trm import RecursiveCore, State, TRMForToolCalling
from trm_engine.training.losses import DeepSupervisionLoss, Targets


def plain_step(model: TRMForToolCalling, batch: Batch) -> Tensor:
    """Forward and backward of one update; returns its loss."""
    context = model.embed(batch["input_ids"], batch["attention_mask"], batch["role_ids"])
    state = model.start(context)
    outputs = []
    for _ in range(model.config.N_supervision):
        state = _recursion(model.core, context, state)
        outputs.append(model.heads(*state, context))
        state = (state[0].detach(), state[1].detach())
    targets = Targets.of(batch)
    losses = DeepSupervisionLoss(model.config)(
        outputs, targets.decision, targets.tool, targets.presence, targets.values
    )
    losses["total_loss"].backward()
    model.zero_grad(set_to_none=True)
    return losses["total_loss"].detach()


def _recursion(core: RecursiveCore, context: Context, state: State) -> State:
    y, z = state
    with torch.no_grad():
        for _ in range(core.T - 1):
            y, z = _round(core, context, y, z)
    return _round(core, context, y, z)


def _round(core: RecursiveCore, context: Context, y: Tensor, z: Tensor) -> State:
    for _ in range(core.n):
        z = _net(core, context.x + y + z, context)
    return _net(core, y + z, context), z


def _net(core: RecursiveCore, h: Tensor, context: Context) -> Tensor:
    for block in core.layers:
        assert isinstance(block, Block)
        h = rms_norm(h + _attention(block.attention, h, context))
        h = rms_norm(h + block.mlp(h))
    return h


def _attention(layer: Attention, h: Tensor, context: Context) -> Tensor:
    batch, length, width = h.shape
    q, k, v = layer.qkv(h).view(batch, length, 3, layer.num_heads, -1).unbind(2)  # (b l h d)
    q, k = rotate(q, context.cos, context.sin), rotate(k, context.cos, context.sin)
    scores = torch.einsum("blhd,bmhd->bhlm", q, k) * q.shape[-1] ** -0.5
    if context.bias is not None:
        scores = scores + context.bias
    heads = torch.einsum("bhlm,bmhd->blhd", scores.softmax(dim=-1), v)
    out: Tensor = layer.out(heads.reshape(batch, length, width))
    return out
