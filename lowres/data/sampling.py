"""Which rows an epoch shows, where groups of unlike size are to be learned."""

import random
from collections.abc import Sequence


def shown(groups: Sequence[str], temperature: float, cap: int | None, seed: int, epoch: int) -> list[int]:
    """Numbers of the rows that an epoch shows, each row given by its group: a pure function of its arguments.

    A group of n rows is shown in proportion to n^(1/temperature) (Arivazhagan et al. 2019, arXiv 1907.05019), the largest group
    just once; with `cap`, n counts as at most that. A row comes again only when all of its group have come.
    """
    numbers: dict[str, list[int]] = {}
    for number, group in enumerate(groups):
        numbers.setdefault(group, []).append(number)
    most = max((min(len(found), cap or len(found)) for found in numbers.values()), default=0)
    chosen: list[int] = []
    for group, found in numbers.items():
        wanted = round(most * (min(len(found), cap or len(found)) / most) ** (1 / temperature))
        chosen += _turn(found, wanted, f"{seed} {group}", epoch)
    return chosen


def _turn(found: Sequence[int], wanted: int, seed: str, epoch: int) -> list[int]:
    """The next `wanted` of an endless series of shuffled rounds through all of them."""
    start = epoch * wanted
    result: list[int] = []
    while len(result) < wanted:
        lap, at = divmod(start + len(result), len(found))
        order = random.Random(f"{seed} {lap}").sample(found, len(found))
        result += order[at : at + wanted - len(result)]
    return result
