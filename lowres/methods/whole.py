"""Methods that train weights of the base itself; what they changed is saved by name."""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from lowres.models.architectures import Architecture
from lowres.models.modules import stacks
from lowres.recipe.methods import Freeze, Full, Method

WEIGHTS = "weights.safetensors"
THAWED_BY = 0.5  # share of training by which all chosen layers take part


def full(model: nn.Module, method: Method, architecture: Architecture) -> nn.Module:
    """All weights train."""
    return model.requires_grad_(True)


def decoder(model: Any, method: Method, architecture: Architecture) -> nn.Module:
    """The decoder's own layers train; the embedding, which it shares, does not."""
    model.requires_grad_(False)
    model.get_decoder().requires_grad_(True)
    model.get_input_embeddings().requires_grad_(False)
    return model  # type: ignore[no-any-return]


def freeze(model: nn.Module, method: Method, architecture: Architecture) -> nn.Module:
    """The upper layers of each stack train."""
    assert isinstance(method, Freeze)
    model.requires_grad_(False)
    for layers in stacks(model, architecture).values():
        for layer in list(layers)[-method.layers :]:
            layer.requires_grad_(True)
    return model


def nothing(model: nn.Module, method: Method, architecture: Architecture) -> nn.Module:
    """The base only reads."""
    return model.requires_grad_(False)


def encoder_rate(method: Method, name: str) -> float:
    """What reads, encoder and embedding, may learn more slowly than what writes."""
    assert isinstance(method, Full)
    reads = ".encoder." in f".{name}" or ".shared." in f".{name}"
    return method.encoder_rate if reads and method.encoder_rate != 1.0 else 1.0


def thaw(model: nn.Module, method: Method, architecture: Architecture, done: int, updates: int) -> None:
    """After an update: with `gradual`, the next lower layer joins at even steps."""
    assert isinstance(method, Freeze)
    if not method.gradual:
        return
    awake = 1 + int(method.layers * done / max(1.0, THAWED_BY * updates))
    for layers in stacks(model, architecture).values():
        chosen = list(layers)[-method.layers :]
        for depth, layer in enumerate(reversed(chosen)):
            layer.requires_grad_(depth < awake)


def save(model: Any, folder: Path, base: str) -> None:
    """Write the weights that trained; rows of pieces only where all of them did, else they stand in the run's own file."""
    folder.mkdir(parents=True, exist_ok=True)
    tables = [table for table in (model.get_input_embeddings(), model.get_output_embeddings()) if table is not None]
    rows = [weight for table in tables for weight in table.parameters()]
    apart = set() if all(weight.requires_grad for weight in rows) else set(map(id, rows))
    trained = {
        name: weight.detach().cpu().contiguous()
        for name, weight in model.named_parameters()  # each once, also where two modules share it
        if weight.requires_grad and id(weight) not in apart
    }
    save_file(trained, folder / WEIGHTS, metadata={"base": base})


@torch.no_grad()
def restore(model: nn.Module, folder: Path) -> nn.Module:
    """The model with the weights that trained."""
    own = dict(model.named_parameters())
    for name, weight in load_file(folder / WEIGHTS).items():
        own[name].copy_(weight)
    return model


def merge(model: nn.Module) -> nn.Module:
    """There is nothing to merge: the weights are the model's own."""
    return model
