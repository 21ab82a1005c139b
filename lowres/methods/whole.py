"""Methods that train weights of the base itself; those that trained are saved by their names."""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from lowres.models.architectures import Architecture
from lowres.models.modules import stacks
from lowres.recipe.methods import Freeze, Full, Method

WEIGHTS = "weights.safetensors"
UNFROZEN_BY = 0.5  # share of the training by which all chosen layers train


def full(model: nn.Module, method: Method, architecture: Architecture) -> nn.Module:
    """Make all weights trainable."""
    return model.requires_grad_(True)


def decoder(model: Any, method: Method, architecture: Architecture) -> nn.Module:
    """Make the decoder's layers trainable; the embedding that it shares with the encoder stays frozen."""
    model.requires_grad_(False)
    model.get_decoder().requires_grad_(True)
    model.get_input_embeddings().requires_grad_(False)
    return model  # type: ignore[no-any-return]


def freeze(model: nn.Module, method: Method, architecture: Architecture) -> nn.Module:
    """Make the upper layers of each stack trainable."""
    assert isinstance(method, Freeze)
    model.requires_grad_(False)
    for layers in stacks(model, architecture).values():
        for layer in list(layers)[-method.layers :]:
            layer.requires_grad_(True)
    return model


def frozen(model: nn.Module, method: Method, architecture: Architecture) -> nn.Module:
    """Freeze the whole base."""
    return model.requires_grad_(False)


def encoder_rate(method: Method, name: str) -> float:
    """The factor of a weight's learning rate: `encoder_rate` for encoder and embedding, 1 for the decoder."""
    assert isinstance(method, Full)
    in_encoder = ".encoder." in f".{name}" or ".shared." in f".{name}"
    return method.encoder_rate if in_encoder and method.encoder_rate != 1.0 else 1.0


def unfreeze_gradually(model: nn.Module, method: Method, architecture: Architecture, done: int, updates: int) -> None:
    """After an update: with `gradual`, the next lower layer becomes trainable at even intervals (Howard and Ruder 2018)."""
    assert isinstance(method, Freeze)
    if not method.gradual:
        return
    unfrozen = 1 + int(method.layers * done / max(1.0, UNFROZEN_BY * updates))
    for layers in stacks(model, architecture).values():
        chosen = list(layers)[-method.layers :]
        for depth, layer in enumerate(reversed(chosen)):
            layer.requires_grad_(depth < unfrozen)


def save(model: Any, folder: Path, base: str) -> None:
    """Save the weights that trained; embeddings only where all rows did, since new rows are saved in a file of their own."""
    folder.mkdir(parents=True, exist_ok=True)
    modules = [table for table in (model.get_input_embeddings(), model.get_output_embeddings()) if table is not None]
    embedding_rows = [weight for table in modules for weight in table.parameters()]
    left_out = set() if all(weight.requires_grad for weight in embedding_rows) else set(map(id, embedding_rows))
    trained = {
        name: weight.detach().cpu().contiguous()
        for name, weight in model.named_parameters()  # each once, also where two modules share it
        if weight.requires_grad and id(weight) not in left_out
    }
    save_file(trained, folder / WEIGHTS, metadata={"base": base})


@torch.no_grad()
def restore(model: nn.Module, folder: Path) -> nn.Module:
    """Load the weights that trained."""
    own = dict(model.named_parameters())
    for name, weight in load_file(folder / WEIGHTS).items():
        own[name].copy_(weight)
    return model


def merge(model: nn.Module) -> nn.Module:
    """Nothing to merge: the trained weights are the model's own."""
    return model
