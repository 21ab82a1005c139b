"""The decoder is trained; encoder and embedding stay as they are."""

from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import nn

from lowres.models.architectures import Architecture
from lowres.recipe.sections import Method

WEIGHTS = "decoder.safetensors"


def apply(model: Any, method: Method, architecture: Architecture) -> nn.Module:
    """Freeze everything but the decoder's own layers."""
    model.requires_grad_(False)
    model.get_decoder().requires_grad_(True)
    model.get_input_embeddings().requires_grad_(False)  # the decoder shares it
    return model  # type: ignore[no-any-return]


def save(model: Any, folder: Path, base: str) -> None:
    """Write the decoder's weights without the embedding."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(_own(model), str(folder / WEIGHTS), metadata={"base": base})


def restore(model: Any, folder: Path) -> nn.Module:
    """The model with the saved decoder."""
    saved = load_file(str(folder / WEIGHTS))
    own = _own(model)
    for name, weight in saved.items():
        own[name].copy_(weight)
    return model  # type: ignore[no-any-return]


def _own(model: Any) -> dict[str, Any]:
    """The decoder's weights and buffers by name, without the rows of pieces."""
    shared = {id(weight) for weight in model.get_input_embeddings().parameters()}
    return {
        name: weight.detach() for name, weight in model.get_decoder().named_parameters() if id(weight) not in shared
    }
