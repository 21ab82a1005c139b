"""Loss and cost of tokens under the head of a model, whatever its head is: in two parts, with a bias, with bounded logits."""

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from lowres.training.loss import token_bits, vocabulary_loss
from lowres.vocabulary.embeddings import SplitHead


def head_loss(model: Any, states: Tensor, targets: Tensor, smoothing: float, compute: torch.dtype) -> Tensor:
    """Sum of the label-smoothed cross-entropies of these tokens, given the states that reach the head, shape (tokens, width)."""
    if softcap(model) is not None:
        logits = head_logits(model, states)
        return functional.cross_entropy(logits, targets, label_smoothing=smoothing, reduction="sum")
    old, new, bias = output_embeddings(model)
    return vocabulary_loss(states.to(compute), old, new, bias, targets, smoothing)


def head_bits(model: Any, states: Tensor, targets: Tensor, compute: torch.dtype) -> Tensor:
    """The cost of each of these tokens in bits, float32 of shape (tokens,)."""
    if softcap(model) is not None:
        return functional.cross_entropy(head_logits(model, states), targets, reduction="none") / math.log(2)
    old, new, bias = output_embeddings(model)
    return token_bits(states.to(compute), old, new, bias, targets)


def softcap(model: Any) -> float | None:
    """The bound of the logits in families that have one (Gemma 2)."""
    return getattr(model.config, "final_logit_softcapping", None)


def head_logits(model: Any, states: Tensor) -> Tensor:
    """The logits at these states, float32 of shape (tokens, vocabulary), with a gradient."""
    logits: Tensor = model.get_output_embeddings()(states).float()
    bound = softcap(model)
    return logits if bound is None else bound * torch.tanh(logits / bound)


def output_embeddings(model: Any) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """The output embeddings of a model: the base's rows, new rows and bias; None for what it does not have."""
    head = model.get_output_embeddings()
    last = getattr(model, "final_logits_bias", None)
    if isinstance(head, SplitHead):
        parts: list[Tensor] = [bias for bias in (head.old_bias, head.new_bias) if bias is not None]
        return head.old, head.new, torch.cat(parts) if parts else None if last is None else last[0]
    return head.weight, None, head.bias if head.bias is not None else None if last is None else last[0]
