"""IA³ (Liu et al. 2022, arXiv 2205.05638) through PEFT: trained factors on keys, values and inner feed-forward states."""

from torch import nn

from lowres.methods import adapters
from lowres.models.architectures import Architecture
from lowres.models.modules import linear_pattern
from lowres.recipe.methods import Ia3, Method


def apply(model: nn.Module, method: Method, architecture: Architecture) -> nn.Module:
    """Freeze the model and add factors to the outputs of key and value layers and to the inputs of the last feed-forward layer."""
    from peft import IA3Config

    assert isinstance(method, Ia3)
    inner = linear_pattern(model, architecture, "last", method.layers)
    keys = linear_pattern(model, architecture, "keys and values", method.layers)
    return adapters.attach(model, IA3Config(target_modules=f"(?:{keys}|{inner})", feedforward_modules=inner))


def decays(name: str) -> bool:
    """Whether weight decay applies to a weight: not to the factors, which change nothing at 1 and would be drawn towards 0."""
    return ".ia3_l." not in name
