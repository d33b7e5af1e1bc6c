"""Choice of device and number type."""

from __future__ import annotations

from typing import Literal

import psutil
import torch

from trm_engine.errors import ConfigError


def choose_device(name: str, local_rank: int = 0) -> torch.device:
    """The device of a configuration; "auto" is CUDA, else MPS, else the CPU.

    Each process of a machine has its own CUDA device: number ``local_rank``.

    Raises:
        ConfigError: there is no such device here.
    """
    if name in ("auto", "cuda") and torch.cuda.is_available():
        found = torch.cuda.device_count()
        if local_rank >= found:
            raise ConfigError(
                f"training.nproc_per_node: each process needs a CUDA device of its own; there are "
                f"{found} here"
            )
        device = torch.device("cuda", local_rank)
        torch.cuda.set_device(device)
        return device
    if name == "auto":
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ConfigError(
            f"training.device: '{name}' is no device; expected auto, cpu, cuda, cuda:N or mps"
        ) from None
    if device.type == "cuda" and not _has_cuda(device):
        found = torch.cuda.device_count()
        raise ConfigError(
            f"training.device: {name} was asked for, but {found} CUDA devices are usable here; "
            f"use auto or cpu"
        )
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ConfigError("training.device: mps was asked for, but is not available here")
    if device.type not in ("cpu", "cuda", "mps"):
        raise ConfigError(f"training.device: {name} is not supported; expected cpu, cuda or mps")
    return device


def choose_dtype(
    name: Literal["auto", "float32", "bfloat16"], device: torch.device
) -> tuple[torch.dtype, str]:
    """The number type of the recursion, and why; "auto" is bfloat16 where the hardware has it."""
    if name != "auto":
        return getattr(torch, name), "asked for"
    if device.type == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
        return (torch.bfloat16, "CUDA has it") if fast else (torch.float32, "no bf16 in CUDA")
    if device.type == "cpu" and _cpu_multiplies_bf16():
        return torch.bfloat16, "the CPU has AMX or AVX512-BF16"
    return torch.float32, "no fast bfloat16 here"


def memory_in_use(device: torch.device) -> int:
    """Bytes: the most that tensors took on a CUDA device so far, else this process's memory."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return int(psutil.Process().memory_info().rss)


def _has_cuda(device: torch.device) -> bool:
    return torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count()


def _cpu_multiplies_bf16() -> bool:
    cpu = torch.cpu
    return bool(cpu._is_amx_tile_supported() or cpu._is_avx512_bf16_supported())
