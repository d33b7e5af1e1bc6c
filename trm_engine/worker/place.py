"""Place: the number of this process among those of a training."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """The number of this process, and its sockets to others on this machine.

    The main process is number 0 of ``world_size``. It is connected to each of the others.
    """

    rank: int = 0
    world_size: int = 1
    local_rank: int = 0
    links: tuple[socket.socket, ...] = ()
    by_torchrun: bool = False

    @classmethod
    def of_torchrun(cls) -> Place:
        """The place that torchrun's environment names.

        Raises:
            KeyError, ValueError: torchrun did not start this process.
        """
        rank, world_size, local_rank = (
            int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK")
        )
        return cls(rank, world_size, local_rank, by_torchrun=True)

    @property
    def is_main(self) -> bool:
        """Whether this process writes events and checkpoints."""
        return self.rank == 0
