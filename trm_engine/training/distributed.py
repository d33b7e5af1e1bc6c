"""Distributed training: the place of this process among others, and sums over all of them.

The processes of one machine share sockets that the main process made (``Links``), and on CUDA also
NCCL on the loopback interface. No other user and no other machine can reach them: the sockets have
no address. gloo is not used there, since it listens on a port without a password: any user of the
machine can take a process's place in it, or end the training by opening many connections.

Several machines use ``torchrun`` and torch.distributed over the network. Its ports are open to
everybody who can reach them and nothing is encrypted, so that network must be a private one.

Nothing that arrives is unpickled, whatever the transport.
"""

from __future__ import annotations

import os
import socket
import struct
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

import torch
import torch.distributed as dist
from torch import Tensor, nn

from trm_engine.errors import LostProcess

PATIENCE = timedelta(days=1)
"""The other processes wait while the main one evaluates, or waits for room on a full disk."""

LENGTH = struct.Struct("<q")
ONE_MACHINE = {"NCCL_SOCKET_IFNAME": "lo", "NCCL_RAS_ENABLE": "0"}
"""NCCL connects over loopback only, and opens no port for its status reports."""


class Transport(Protocol):
    """How processes communicate."""

    def sum(self, tensor: Tensor) -> None:
        """Replace a tensor by the sum of every process's."""

    def tell(self, text: bytes) -> bytes:
        """The main process's ``text``, in every process."""

    def leave(self) -> None:
        """End the communication, in all processes at the same time."""


class Links:
    """Sockets between the main process and each other one; the main one adds up.

    Args:
        sockets: in the main process one for each other process, by rank; in these the only one.
    """

    def __init__(self, is_main: bool, sockets: Sequence[socket.socket]) -> None:
        self._is_main = is_main
        self._sockets = sockets

    def sum(self, tensor: Tensor) -> None:
        """Raises LostProcess, which leaves the tensor as it was."""
        total = tensor.detach().cpu().flatten().clone()
        if self._is_main:
            for link in self._sockets:
                part = torch.empty_like(total)
                _receive(link, _bytes_of(part))
                total += part
        else:
            _send(self._sockets[0], _bytes_of(total))
        self._spread(_bytes_of(total))
        tensor.copy_(total.view_as(tensor))

    def tell(self, text: bytes) -> bytes:
        """Raises LostProcess."""
        length = bytearray(LENGTH.pack(len(text)))
        self._spread(memoryview(length))
        content = bytearray(text if self._is_main else LENGTH.unpack(length)[0])
        self._spread(memoryview(content))
        return bytes(content)

    def leave(self) -> None:
        """Sockets need no farewell."""

    def _spread(self, content: memoryview) -> None:
        """Copy ``content`` from the main process to all others."""
        if self._is_main:
            for link in self._sockets:
                _send(link, content)
        else:
            _receive(self._sockets[0], content)


class TorchDistributed:
    """PyTorch's own collectives (NCCL on CUDA, else gloo)."""

    def __init__(self, device: torch.device, **place: Any) -> None:
        self._device = device
        backend = "nccl" if device.type == "cuda" else "gloo"
        dist.init_process_group(backend, timeout=PATIENCE, **place)

    def sum(self, tensor: Tensor) -> None:
        dist.all_reduce(tensor)

    def tell(self, text: bytes) -> bytes:
        length = torch.tensor([len(text)], device=self._device)
        dist.broadcast(length, src=0)
        content = torch.zeros(int(length), dtype=torch.uint8, device=self._device)
        if dist.get_rank() == 0:
            content.copy_(torch.frombuffer(bytearray(text), dtype=torch.uint8) if text else content)
        dist.broadcast(content, src=0)
        return bytes(content.cpu().numpy())

    def leave(self) -> None:
        """All at once: a process that leaves early may abort."""
        dist.barrier()
        dist.destroy_process_group()


class LocalNccl(TorchDistributed):
    """NCCL between processes of one machine, which meet in a file that only this user can read."""

    def __init__(self, rank: int, links: Links, world_size: int, device: torch.device) -> None:
        os.environ.update(ONE_MACHINE)
        self._links = links
        made = tempfile.mkdtemp(prefix="trm-tui-") if rank == 0 else ""
        self._folder = os.fsdecode(links.tell(os.fsencode(made)))
        path = os.path.join(self._folder, "store")
        store = dist.FileStore(path, world_size)  # type: ignore[attr-defined]
        super().__init__(device, store=store, rank=rank, world_size=world_size)

    def leave(self) -> None:
        super().leave()
        self._links.sum(torch.zeros(1))  # the last to leave has deleted the file
        with suppress(OSError):
            os.rmdir(self._folder)


@dataclass(frozen=True)
class ProcessGroup:
    """The place of this process. A process alone gets its own value as the sum."""

    rank: int = 0
    world_size: int = 1
    transport: Transport | None = None

    @classmethod
    def of_torchrun(cls, device: torch.device) -> ProcessGroup:
        """The processes that torchrun started, of one machine or several."""
        transport = TorchDistributed(device)
        return cls(dist.get_rank(), dist.get_world_size(), transport)

    @classmethod
    def of_links(
        cls, rank: int, sockets: Sequence[socket.socket], world_size: int, device: torch.device
    ) -> ProcessGroup:
        """The processes of one machine, connected by sockets, and on CUDA by NCCL too."""
        if world_size == 1:
            return cls()
        links = Links(rank == 0, sockets)
        if device.type != "cuda":
            return cls(rank, world_size, links)
        return cls(rank, world_size, LocalNccl(rank, links, world_size, device))

    @property
    def is_main(self) -> bool:
        """Whether this process writes events and checkpoints."""
        return self.rank == 0

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum of every process's tensor, in place.

        Raises:
            LostProcess: another process has ended.
        """
        if self.transport:
            self.transport.sum(tensor)
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
        """The text of the main process, in every process.

        Raises:
            LostProcess: another process has ended.
        """
        return self.transport.tell(text.encode()).decode() if self.transport else text

    def leave(self) -> None:
        """End the communication, in all processes at the same time."""
        if self.transport:
            self.transport.leave()


def _bytes_of(tensor: Tensor) -> memoryview:
    """The memory of a tensor of one dimension on the CPU."""
    return tensor.view(torch.uint8).numpy().data


def _send(link: socket.socket, content: memoryview) -> None:
    if not content:
        return  # even nothing cannot be sent to a process that took all it needs and ended
    try:
        link.sendall(content)
    except OSError:
        raise _lost() from None


def _receive(link: socket.socket, content: memoryview) -> None:
    """Fill ``content``."""
    place = 0
    while place < len(content):
        try:
            size = link.recv_into(content[place:])
        except OSError:
            size = 0
        if not size:
            raise _lost()
        place += size


def _lost() -> LostProcess:
    return LostProcess(
        "another process of this training has ended, worker.log may say why; "
        "--resume goes on from the last checkpoint"
    )
