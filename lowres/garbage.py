"""Python's search for cycles of garbage: loading makes many objects and no cycles, and starts it hundreds of times for nothing."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_cycle_search(*, for_good: bool = False) -> Iterator[None]:
    """Spare what makes very many objects the search for cycles; what dies without it is freed as ever.

    With `for_good` the objects that are there afterwards are not searched again, not even when the process ends: for the
    command line alone.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if for_good:
            gc.freeze()
        if was_on:
            gc.enable()
