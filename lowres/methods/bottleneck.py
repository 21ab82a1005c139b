"""Bottleneck adapters through PEFT, on a frozen base."""

from typing import Any

from torch import nn

from lowres.methods import adapters
from lowres.models.architectures import Architecture
from lowres.recipe.methods import Bottleneck, Method


def apply(model: Any, method: Method, architecture: Architecture) -> nn.Module:
    """Freeze the model and add a trainable bottleneck adapter to its blocks."""
    from lowres.methods.tuner import BottleneckConfig, states_width

    assert isinstance(method, Bottleneck)
    config = BottleneckConfig(
        style=method.style,
        size=max(1, states_width(model.config) // method.reduction_factor),
        activation=method.activation,
        scaling=method.scale,
        dropout=method.dropout,
        invertible=method.invertible,
    )
    return adapters.attach(model, config)
