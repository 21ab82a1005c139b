"""Texts without a translation as tasks of mending: the decoder learns to write a language from a copy with holes in it."""

import random
from collections.abc import Callable, Sequence

LOST = 0.3  # share of the pieces that are hidden or moved
SPAN = 3.5  # pieces of a hole, on average (Lewis et al. 2020, arXiv 1910.13461)


def noised(pieces: Sequence[int], mask: int | None, rng: random.Random) -> list[int]:
    """A copy in which runs of pieces are replaced by one mask (left out where there is none), and some neighbours change places.

    At least one piece is left.
    """
    result: list[int] = []
    at = 0
    while at < len(pieces):
        if rng.random() < LOST / SPAN:
            at += 1 + int(rng.expovariate(1 / (SPAN - 1)))
            result += [] if mask is None else [mask]
        else:
            result.append(pieces[at])
            at += 1
    for place in range(len(result) - 1):
        if rng.random() < LOST / 10:
            result[place], result[place + 1] = result[place + 1], result[place]
    return result or list(pieces[:1])


def with_denoising(
    pair_rows: Callable[[int], Sequence[int]], start: int, texts: int, share: float, seed: int
) -> Callable[[int], Sequence[int]]:
    """The rows of an epoch with this share of mending among them, texts in turn; they are numbered from `start` on."""

    def rows(epoch: int) -> Sequence[int]:
        chosen = pair_rows(epoch)
        wanted = round(len(chosen) * share / (1 - share))
        order = random.Random(f"{seed} mending").sample(range(texts), texts)
        return [*chosen, *(start + order[(epoch * wanted + number) % texts] for number in range(wanted))]

    return rows if share and texts else pair_rows
