"""Cross-entropy over a large vocabulary: logits and their gradient exist for only a few positions at a time."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

MAX_LOGITS = 1_500_000  # logits held at once


def vocabulary_loss(
    states: Tensor, old: Tensor, new: Tensor | None, bias: Tensor | None, targets: Tensor, smoothing: float
) -> Tensor:
    """Mean label-smoothed cross-entropy (Szegedy et al. 2016), as torch.nn.functional.cross_entropy has it; a scalar.

    `states`, of shape (positions, width), are multiplied with the output embeddings: the rows `old` followed by the rows `new`, both
    of shape (rows, width). `bias` is of shape (all rows,), `targets` of shape (positions,). Matrices are multiplied in the states'
    precision and sums are made in float32.
    """
    return _VocabularyLoss.apply(states, old, new, bias, targets, smoothing)  # type: ignore[no-untyped-call, no-any-return]


class _VocabularyLoss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        states: Tensor,
        old: Tensor,
        new: Tensor | None,
        bias: Tensor | None,
        targets: Tensor,
        smoothing: float,
    ) -> Tensor:
        kind = states.dtype
        tables = [table.detach().to(kind) for table in (old, new) if table is not None]
        wanted = [table for table in (old, new) if table is not None]
        grown = [torch.zeros_like(table, dtype=torch.float32) if table.requires_grad else None for table in wanted]
        starts = [0, len(tables[0])]
        lifted = None if bias is None or not bias.requires_grad else torch.zeros_like(bias, dtype=torch.float32)
        whole = sum(map(len, tables))
        mean = sum(table.float().sum(0) for table in tables) / whole
        step = max(1, MAX_LOGITS // whole)
        slopes, total = torch.empty_like(states), 0.0
        for at in range(0, len(states), step):
            here, answers = states[at : at + step], targets[at : at + step]
            logits = (
                torch.cat([here @ table.t() for table in tables], dim=1) if new is not None else here @ tables[0].t()
            )
            if bias is not None:
                logits += bias.to(kind)
            shares = torch.softmax(logits, dim=1)  # summed in float32 whatever they are kept in
            right = logits.gather(1, answers[:, None]).squeeze(1).float()
            scale = (
                right - shares.gather(1, answers[:, None]).squeeze(1).float().clamp_min(1e-38).log()
            )  # log of the sum of exp
            level = here.float() @ mean + (0.0 if bias is None else float(bias.mean()))
            total += float((scale - (1 - smoothing) * right - smoothing * level).sum())
            slope = torch.zeros_like(here, dtype=torch.float32)
            if lifted is not None:
                lifted += shares.float().sum(0) - smoothing / whole * len(here)
                lifted.index_add_(0, answers, torch.full_like(right, smoothing - 1))
            for start, table, growth in zip(starts, tables, grown, strict=False):
                part = shares[:, start : start + len(table)]
                inside = (answers >= start) & (answers < start + len(table))
                slope += (part @ table).float()
                slope[inside] -= (1 - smoothing) * table[answers[inside] - start].float()
                if growth is not None:
                    growth += (part.t() @ here).float()
                    growth.index_add_(0, answers[inside] - start, here[inside].float(), alpha=-(1 - smoothing))
                    growth -= smoothing / whole * here.float().sum(0)
            slopes[at : at + step] = (slope - smoothing * mean).to(kind)
        ctx.save_for_backward(slopes)
        ctx.grown, ctx.lifted = [*grown, None][:2], lifted
        ctx.places = len(states)
        return states.new_tensor(total / max(1, len(states)), dtype=torch.float32)

    @staticmethod
    def backward(ctx: Any, *slope: Tensor) -> tuple[Tensor | None, ...]:
        (slopes,) = ctx.saved_tensors
        scale = slope[0] / max(1, ctx.places)
        grown = [None if growth is None else growth * scale for growth in (*ctx.grown, ctx.lifted)]
        return slopes * scale.to(slopes.dtype), *grown, None, None


def token_bits(states: Tensor, old: Tensor, new: Tensor | None, bias: Tensor | None, targets: Tensor) -> Tensor:
    """The cost of each target in bits, −log₂ of its probability, float32 of shape (positions,); arguments as in vocabulary_loss."""
    tables = [table.to(states.dtype) for table in (old, new) if table is not None]
    step = max(1, MAX_LOGITS // sum(map(len, tables)))
    costs = []
    for at in range(0, len(states), step):
        logits = torch.cat([(states[at : at + step] @ table.t()).float() for table in tables], dim=1)
        logits = logits if bias is None else logits + bias.float()
        costs.append(torch.nn.functional.cross_entropy(logits, targets[at : at + step], reduction="none"))
    return torch.cat(costs) / math.log(2) if costs else states.new_zeros(0, dtype=torch.float32)


@contextmanager
def states_at_head(head: nn.Module, here: Tensor) -> Iterator[list[Tensor]]:
    """Collect the states that reach the head at the positions of the mask `here`, without computing logits.

    Logits of padding are never needed, and those of all tokens at all positions at once would fill the memory.
    """
    states: list[Tensor] = []

    def catch(module: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor]:
        states.append(given[0][here])
        return (states[0][:1].detach(),)

    hook = head.register_forward_pre_hook(catch)
    try:
        yield states
    finally:
        hook.remove()
