"""What is trained: one file per method, one table of all of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from lowres.methods import bottleneck, decoder, full, lora
from lowres.models.architectures import Architecture
from lowres.recipe.sections import Method


@dataclass(frozen=True)
class Technique:
    """The verbs of a method: mark what trains in a model, save just that, put it back.

    `trains_rows` says that it trains the embedding itself, so that new rows need no care of their own; `rate` gives by which
    factor the learning rate of a weight, by its name, is multiplied.
    """

    apply: Callable[[nn.Module, Method, Architecture], nn.Module]
    save: Callable[[nn.Module, Path, str], None]
    restore: Callable[[nn.Module, Path], nn.Module]
    trains_rows: bool = False
    rate: Callable[[Method, str], float] = lambda method, name: 1.0


TECHNIQUES: Mapping[str, Technique] = {
    "lora": Technique(lora.apply, lora.save, lora.restore),
    "bottleneck": Technique(bottleneck.apply, bottleneck.save, bottleneck.restore),
    "full": Technique(full.apply, full.save, full.restore, trains_rows=True, rate=full.rate),
    "decoder": Technique(decoder.apply, decoder.save, decoder.restore),
}
