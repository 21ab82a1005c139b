"""Every weight of the encoder is trained."""

from pathlib import Path

from safetensors.torch import load_model, save_model
from torch import nn

from lowres.models.architectures import Architecture
from lowres.recipe.sections import Full, Method

WEIGHTS = "encoder.safetensors"


def apply(encoder: nn.Module, method: Method, architecture: Architecture) -> nn.Module:
    """Leave all weights trainable."""
    return encoder.requires_grad_(True)


def rate(method: Method, name: str) -> float:
    """What reads, encoder and embedding, may learn more slowly than what writes."""
    assert isinstance(method, Full)
    reads = ".encoder." in f".{name}" or ".shared." in f".{name}"
    return method.encoder_rate if reads and method.encoder_rate != 1.0 else 1.0


def save(encoder: nn.Module, folder: Path, base: str) -> None:
    """Write every weight; the base's config still describes them."""
    folder.mkdir(parents=True, exist_ok=True)
    save_model(encoder, str(folder / WEIGHTS), metadata={"base": base})


def restore(encoder: nn.Module, folder: Path) -> nn.Module:
    """The encoder with the saved weights."""
    load_model(encoder, str(folder / WEIGHTS))
    return encoder
