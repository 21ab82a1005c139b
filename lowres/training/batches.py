"""Batches of texts of similar length, within a budget of padded tokens."""

import random
from collections.abc import Sequence

import torch
from torch import Tensor


def plan_batches(
    lengths: Sequence[int], budget: int, seed: int, epoch: int, rows: Sequence[int] | None = None
) -> list[list[int]]:
    """Divide examples, given by their lengths in tokens, into batches of at most `budget` tokens: examples × longest example.

    A pure function of its arguments, so that a run can be repeated and resumed. Lengths are jittered before sorting: neighbours
    differ from epoch to epoch, and little padding is added. Returns the numbers of the examples; each (of `rows`; all by default) is
    in exactly one batch, and one longer than the budget is a batch by itself.
    """
    shuffle = random.Random(seed * 1_000_003 + epoch)
    order = list(range(len(lengths)) if rows is None else rows)
    shuffle.shuffle(order)
    jittered = {row: lengths[row] * (1 + 0.2 * shuffle.random()) for row in order}
    order.sort(key=jittered.__getitem__)
    batches = _fill(order, lengths, budget)
    shuffle.shuffle(batches)
    return batches


def sorted_batches(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """The same for scoring: the longest examples first, so that a lack of memory shows at once."""
    order = sorted(range(len(lengths)), key=lambda row: (-lengths[row], row))
    return _fill(order, lengths, budget)


def padded(rows: Sequence[Sequence[int]], pad: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Token ids padded with `pad`, and the attention mask, both int64 of shape (rows, longest row)."""
    longest = max(map(len, rows))
    ids = torch.tensor([[*row, *[pad] * (longest - len(row))] for row in rows], device=device)
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows], device=device)
    return ids, mask


def _fill(order: Sequence[int], lengths: Sequence[int], budget: int) -> list[list[int]]:
    batches: list[list[int]] = []
    longest = 0
    for row in order:
        longest = max(longest, lengths[row])
        if not batches or longest * (len(batches[-1]) + 1) > budget:
            batches.append([])
            longest = lengths[row]
        batches[-1].append(row)
    return batches
