"""Temperature-based sampling: which rows an epoch shows where some languages or directions have far more rows than others."""

import random
from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")


def shown(groups: Sequence[str], temperature: float, cap: int | None, seed: int, epoch: int) -> list[int]:
    """The indices of the rows that an epoch shows; `groups` names the language, direction or head of each row.

    A group of n rows is shown in proportion to n^(1/temperature) (Arivazhagan et al. 2019, arXiv 1907.05019); every row of the
    largest group is shown once. With `cap`, n counts as at most `cap`. A row is shown again only after all rows of its group.
    The result depends on the arguments alone.
    """
    numbers: dict[str, list[int]] = {}
    for number, group in enumerate(groups):
        numbers.setdefault(group, []).append(number)
    most = max((min(len(found), cap or len(found)) for found in numbers.values()), default=0)
    chosen: list[int] = []
    for group, found in numbers.items():
        wanted = round(most * (min(len(found), cap or len(found)) / most) ** (1 / temperature))
        chosen += _next_of(found, wanted, f"{seed} {group}", epoch)
    return chosen


def _next_of(found: Sequence[int], wanted: int, seed: str, epoch: int) -> list[int]:
    """The next `wanted` indices of an endless sequence of shuffled rounds through all of them."""
    start = epoch * wanted
    result: list[int] = []
    while len(result) < wanted:
        lap, at = divmod(start + len(result), len(found))
        order = random.Random(f"{seed} {lap}").sample(found, len(found))
        result += order[at : at + wanted - len(result)]
    return result


def spread(items: Sequence[Item], most: int) -> list[Item]:
    """At most so many of the items, at even distances."""
    stride = max(1.0, len(items) / most)
    return [items[int(stride * number)] for number in range(min(most, len(items)))]
