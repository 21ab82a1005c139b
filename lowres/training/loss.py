"""Cross-entropy over a large vocabulary: logits and their gradient exist for only some positions at a time."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.weak import WeakTensorKeyDictionary

MAX_LOGITS = 24_000_000  # logits held at once; with fewer, the embeddings are read too often (docs/results/speed.md)


@dataclass(frozen=True)
class _Cast:
    """Frozen embeddings in the precision of computation, of shape (rows, width), and the sum of their rows, float32 (width,)."""

    version: int
    rows: Tensor
    total: Tensor


_CASTS: WeakTensorKeyDictionary = WeakTensorKeyDictionary()  # casting a large table takes as long as a small update


def _cast(table: Tensor, dtype: torch.dtype) -> _Cast:
    found: _Cast | None = _CASTS.get(table)  # type: ignore[no-untyped-call]
    if found is None or found.version != table._version or found.rows.dtype != dtype or table.requires_grad:
        rows = table.detach().to(dtype)
        found = _Cast(table._version, rows, table.detach().float().sum(0))
        if not table.requires_grad:
            _CASTS[table] = found
    return found


def vocabulary_loss(
    states: Tensor, old: Tensor, new: Tensor | None, bias: Tensor | None, targets: Tensor, smoothing: float
) -> Tensor:
    """Sum over all positions of the label-smoothed cross-entropy (Szegedy et al. 2016); a float32 scalar.

    As torch.nn.functional.cross_entropy has it with reduction="sum". `states`, of shape (positions, width), are multiplied with the
    output embeddings: the rows `old` followed by the rows `new`, both of shape (rows, width). `bias` is of shape (all rows,),
    `targets` of shape (positions,). Matrices are multiplied in the states' precision and sums are made in float32.
    """
    return _VocabularyLoss.apply(states, old, new, bias, targets, smoothing)  # type: ignore[no-untyped-call, no-any-return]


class _VocabularyLoss(torch.autograd.Function):
    """The forward pass computes the gradients, too, since the logits are gone afterwards; the backward pass scales them."""

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
        tables = [table for table in (old, new) if table is not None]
        casts = [_cast(table, states.dtype) for table in tables]
        table_gradients = [
            torch.zeros_like(table, dtype=torch.float32) if table.requires_grad else None for table in tables
        ]
        bias_gradient = None if bias is None or not bias.requires_grad else torch.zeros_like(bias, dtype=torch.float32)
        size = sum(map(len, tables))
        mean = torch.stack([cast.total for cast in casts]).sum(0) / size
        mean_bias = 0.0 if bias is None else bias.detach().float().mean()
        state_gradients, total = torch.empty_like(states), torch.zeros((), device=states.device)
        step = max(1, MAX_LOGITS // size)
        for start in range(0, len(states), step):
            some, labels = states[start : start + step], targets[start : start + step]
            logits = _logits(some, casts, bias)
            probabilities = torch.softmax(logits, dim=1)  # summed in float32 whatever its precision
            of_labels = logits.gather(1, labels[:, None]).squeeze(1).float()
            found = probabilities.gather(1, labels[:, None]).squeeze(1).float().clamp_min(1e-38).log()
            mean_logits = some.float() @ mean + mean_bias
            total += (of_labels - found - (1 - smoothing) * of_labels - smoothing * mean_logits).sum()
            if bias_gradient is not None:
                bias_gradient += probabilities.float().sum(0) - smoothing / size * len(some)
                bias_gradient.index_add_(0, labels, torch.full_like(of_labels, smoothing - 1))
            gradient, offset = -smoothing * mean.expand(len(some), -1), 0
            for cast, table_gradient in zip(casts, table_gradients, strict=True):
                part, places = probabilities[:, offset : offset + len(cast.rows)], labels - offset
                inside = ((places >= 0) & (places < len(cast.rows))).float() * (1 - smoothing)
                places = places.clamp(0, len(cast.rows) - 1)
                gradient = gradient + (part @ cast.rows).float() - inside[:, None] * cast.rows[places].float()
                if table_gradient is not None:
                    table_gradient += (part.t() @ some).float()
                    table_gradient.index_add_(0, places, some.float() * -inside[:, None])
                    table_gradient -= smoothing / size * some.float().sum(0)
                offset += len(cast.rows)
            state_gradients[start : start + step] = gradient.to(states.dtype)
        ctx.save_for_backward(state_gradients)
        ctx.table_gradients, ctx.bias_gradient = [*table_gradients, None][:2], bias_gradient
        return total

    @staticmethod
    def backward(ctx: Any, *slope: Tensor) -> tuple[Tensor | None, ...]:
        (state_gradients,) = ctx.saved_tensors
        others = [None if one is None else one * slope[0] for one in (*ctx.table_gradients, ctx.bias_gradient)]
        return state_gradients * slope[0].to(state_gradients.dtype), *others, None, None


def _logits(states: Tensor, casts: list[_Cast], bias: Tensor | None) -> Tensor:
    parts = [states @ cast.rows.t() for cast in casts]
    logits = parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)
    return logits if bias is None else logits.add_(bias.detach().to(logits.dtype))


def token_bits(states: Tensor, old: Tensor, new: Tensor | None, bias: Tensor | None, targets: Tensor) -> Tensor:
    """The cost of each target in bits, −log₂ of its probability, float32 of shape (positions,); arguments as in vocabulary_loss."""
    casts = [_cast(table, states.dtype) for table in (old, new) if table is not None]
    step = max(1, MAX_LOGITS // sum(len(cast.rows) for cast in casts))
    costs = []
    for start in range(0, len(states), step):
        logits = torch.cat([(states[start : start + step] @ cast.rows.t()).float() for cast in casts], dim=1)
        logits = logits if bias is None else logits + bias.float()
        costs.append(torch.nn.functional.cross_entropy(logits, targets[start : start + step], reduction="none"))
    return torch.cat(costs) / math.log(2) if costs else states.new_zeros(0, dtype=torch.float32)


@contextmanager
def states_at_head(head: nn.Module, here: Tensor) -> Iterator[list[Tensor]]:
    """Collect the states that reach the head at the positions of the mask `here`; the head computes no logits meanwhile.

    Logits of padding are never needed, and those of all tokens at all positions at once would fill the memory.
    """
    states: list[Tensor] = []

    def collect(given: Tensor) -> Tensor:
        states.append(given[here])
        return given.detach().flatten()[:1]  # stands for the logits; what adds a bias to it stays small

    head.forward = collect
    try:
        yield states
    finally:
        del head.forward
