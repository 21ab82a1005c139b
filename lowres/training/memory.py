"""Returns free memory to the operating system.

Batches differ in length, so tensors of ever new sizes leave holes between those that stay, and the C library keeps them: a run of
an hour grew from 8 to 16 GiB (docs/results/speed.md).
"""

import ctypes
import sys
from collections.abc import Callable

import torch


def _glibc() -> Callable[[int], int] | None:
    if not sys.platform.startswith("linux"):
        return None
    trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim


_TRIM = _glibc()


def release_memory() -> None:
    """Return free pages to the system where the C library is glibc; elsewhere do nothing."""
    if _TRIM:
        _TRIM(0)


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory did not suffice, on whatever device."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)
    )
