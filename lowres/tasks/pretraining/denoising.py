"""Denoising: texts without a translation train the decoder too, which restores each from a corrupted copy."""

import random
from collections.abc import Callable, Sequence

NOISE = 0.3  # share of the tokens that are masked or moved
SPAN = 3.5  # mean tokens of a masked span (Lewis et al. 2020, arXiv 1910.13461)


def noised(tokens: Sequence[int], mask: int | None, rng: random.Random) -> list[int]:
    """A copy of the token ids in which spans are replaced by one mask token each (removed where there is none), and some neighbours
    are swapped. At least one token remains.
    """
    result: list[int] = []
    at = 0
    while at < len(tokens):
        if rng.random() < NOISE / SPAN:
            at += 1 + int(rng.expovariate(1 / (SPAN - 1)))
            result += [] if mask is None else [mask]
        else:
            result.append(tokens[at])
            at += 1
    for place in range(len(result) - 1):
        if rng.random() < NOISE / 10:
            result[place], result[place + 1] = result[place + 1], result[place]
    return result or list(tokens[:1])


def with_denoising(
    pair_rows: Callable[[int], Sequence[int]], start: int, texts: int, share: float, seed: int
) -> Callable[[int], Sequence[int]]:
    """The rows of each epoch, this share of them denoising, which takes all `texts` in turn; these are numbered from `start` on."""

    def rows(epoch: int) -> Sequence[int]:
        chosen = pair_rows(epoch)
        wanted = round(len(chosen) * share / (1 - share))
        order = random.Random(f"{seed} mending").sample(range(texts), texts)
        return [*chosen, *(start + order[(epoch * wanted + number) % texts] for number in range(wanted))]

    return rows if share and texts else pair_rows
