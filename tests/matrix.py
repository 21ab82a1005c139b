"""What was tried and what happened, for the table at the end of `make test-faults`."""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

TRIED: Counter[tuple[str, str]] = Counter()
FAILED: Counter[tuple[str, str]] = Counter()
ELSEWHERE = [0.0]  # seconds of processor time of the other processes that tested


@contextmanager
def tried(fault: str, expected: str, count: int = 1) -> Iterator[None]:
    """Count a trial of a fault, and what happened: what is expected, or not."""
    TRIED[fault, expected] += count
    try:
        yield
    except BaseException:
        FAILED[fault, expected] += count
        raise


def counts() -> list[list[object]]:
    """What was tried in this process, for another one to add."""
    return [[*key, count, FAILED[key]] for key, count in TRIED.items()]


def seconds() -> float:
    """The processor time of this process and of those that it has started."""
    return sum(os.times()[:4])


def add(others: list[list[object]], seconds: float) -> None:
    """Add what another process has tried, and its processor time."""
    ELSEWHERE[0] += seconds
    for fault, expected, count, failed in others:
        TRIED[str(fault), str(expected)] += int(str(count))
        FAILED[str(fault), str(expected)] += int(str(failed))


def lines() -> Iterator[str]:
    """The table."""
    if not TRIED:
        return
    width = max(len(fault) for fault, _ in TRIED) + 2
    yield f"{'fault':<{width}}{'tried':>6}  {'right':>6}  what happens"
    for (fault, expected), count in sorted(TRIED.items()):
        yield f"{fault:<{width}}{count:>6}  {count - FAILED[fault, expected]:>6}  {expected}"
    minutes = (ELSEWHERE[0] or seconds()) / 60
    yield f"{'in all':<{width}}{TRIED.total():>6}  {TRIED.total() - FAILED.total():>6}  in {minutes:.1f} minutes of processor time"
