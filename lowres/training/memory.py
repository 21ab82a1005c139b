"""Memory that is free goes back to the system.

Batches differ in length, so tensors of ever new sizes leave holes between the ones that stay, and the C library keeps them: a run of
an hour grew from 8 to 16 GiB (docs/speed.md).
"""

import ctypes
import sys
from collections.abc import Callable


def _glibc() -> Callable[[int], int] | None:
    if not sys.platform.startswith("linux"):
        return None
    trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim


_TRIM = _glibc()


def release_memory() -> None:
    """Hand free pages back, where the C library is glibc; elsewhere nothing happens."""
    if _TRIM:
        _TRIM(0)
