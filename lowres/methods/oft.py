"""Orthogonal fine-tuning (OFT, Qiu et al. 2023, arXiv 2306.07280) through PEFT: the inputs of frozen layers are rotated in blocks."""

from torch import nn

from lowres.methods import adapters
from lowres.models.architectures import Architecture
from lowres.models.modules import linear_pattern
from lowres.recipe.methods import Method, Oft


def apply(model: nn.Module, method: Method, architecture: Architecture) -> nn.Module:
    """Freeze the model and add trainable rotations before its linear layers."""
    from peft import OFTConfig

    assert isinstance(method, Oft)
    config = OFTConfig(
        oft_block_size=method.block_size,
        r=0,
        target_modules=linear_pattern(model, architecture, method.modules, method.layers),
    )
    return adapters.attach(model, config)
