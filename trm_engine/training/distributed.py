"""Several processes that train one model: who this one is, and sums over all of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor, nn

PATIENCE = timedelta(days=1)
"""The others wait while the main process evaluates, or for room on a full disk; torchrun ends them
if it dies."""


@dataclass(frozen=True)
class ProcessGroup:
    """This process's place: ``rank`` of ``world_size``; alone, every sum is the value itself."""

    rank: int = 0
    world_size: int = 1

    @classmethod
    def join(cls, device: torch.device) -> ProcessGroup:
        """Join the processes that torchrun started, if it did (NCCL on CUDA, else gloo)."""
        if "WORLD_SIZE" not in os.environ:
            return cls()
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
        return cls(dist.get_rank(), dist.get_world_size())

    @property
    def is_main(self) -> bool:
        """Whether this process writes events and checkpoints."""
        return self.rank == 0

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum of every process's tensor, in place."""
        if self.world_size > 1:
            dist.all_reduce(tensor)
        return tensor

    def sum_gradients(self, model: nn.Module) -> None:
        """Sum all gradients in one message.

        Streamed supervision calls backward once a step; hooks that reduce in every backward, as
        DistributedDataParallel's, would send N_sup times as much.
        """
        if self.world_size == 1:
            return
        for weight in model.parameters():
            if weight.grad is None:
                weight.grad = torch.zeros_like(weight)
        gradients = [weight.grad for weight in model.parameters() if weight.grad is not None]
        flat = self.sum(torch.cat([gradient.flatten() for gradient in gradients]))
        pieces = flat.split([gradient.numel() for gradient in gradients])
        for gradient, piece in zip(gradients, pieces, strict=True):
            gradient.copy_(piece.view_as(gradient))

    def agree(self, text: str) -> str:
        """What the main process says, in every process."""
        if self.world_size == 1:
            return text
        said = [text]
        dist.broadcast_object_list(said)
        return said[0]

    def leave(self) -> None:
        """End the group's communication, all at once: a process that leaves early may abort."""
        if self.world_size > 1:
            dist.barrier()
            dist.destroy_process_group()
