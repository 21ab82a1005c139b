"""The head of a masked model: what stands between the encoder's states and the table of pieces, to which it is tied."""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

SMOOTHING = 0.1  # added to every count of a piece


def transform(model: Any) -> dict[str, nn.Parameter]:
    """The small layers before the table, by name: dense and norm."""
    whole = model.get_base_model() if hasattr(model, "get_base_model") else model
    table = whole.get_output_embeddings()
    holder = next(module for module in whole.modules() if any(child is table for child in module.children()))
    return {
        f"{name}.{key}": weight
        for name, child in holder.named_children()
        if child is not table
        for key, weight in child.named_parameters()
    }


def biases(model: Any) -> list[nn.Parameter]:
    """The bias of every piece: of old rows and of new ones where those are apart."""
    head = model.get_output_embeddings()
    found = (head.old_bias, head.new_bias) if hasattr(head, "old_bias") else (head.bias,)
    return [bias for bias in found if bias is not None]


def untrained(model: Any) -> bool:
    """Whether the head is as it was made, that is, the checkpoint brings none: norms of ones, biases of noughts."""
    flat = {name: weight for name, weight in transform(model).items() if weight.ndim == 1}
    return all(bool((weight == name.endswith("weight")).all()) for name, weight in flat.items())


def begin_head(model: Any, counts: Tensor) -> None:
    """Start a fresh head where it predicts every piece as often as it occurs: `counts` of shape (pieces,), of the training texts.

    Dense starts as the identity, so that what the encoder knows reaches the table from the first update on: from random weights
    training often stays where every piece is as likely as it is frequent. The norm starts small, since the states were never
    meant for the table.
    """
    shares = (counts.float() + SMOOTHING) / (counts.sum() + SMOOTHING * len(counts))
    table = model.get_input_embeddings().weight.detach().float()
    level = 1.0 / float(table[counts > 0].norm(dim=-1).mean())
    with torch.no_grad():
        at = 0
        for bias in biases(model):
            bias.copy_(shares[at : at + len(bias)].log())
            at += len(bias)
        for name, weight in transform(model).items():
            if weight.ndim == 2:
                weight.copy_(torch.eye(len(weight)))
            elif name.endswith("weight"):
                weight.fill_(level)


def save_head(model: Any, path: Path) -> None:
    """Write dense, norm and the bias of every piece."""
    bias = torch.cat([part.detach().float() for part in biases(model)])
    weights = {name: weight.detach().float().cpu().contiguous() for name, weight in transform(model).items()}
    save_file({"bias": bias.cpu(), **weights}, str(path))


def load_head(model: Any, path: Path) -> None:
    """Put a saved head in place."""
    saved = load_file(str(path))
    (bias,) = biases(model)
    with torch.no_grad():
        bias.copy_(saved.pop("bias"))
        own = transform(model)
        for name, weight in saved.items():
            own[name].copy_(weight)
