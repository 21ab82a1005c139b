"""Bottleneck adapters as a PEFT method, which PEFT lacks: small networks added to the blocks of a frozen model.

Houlsby et al. 2019 (arXiv 1902.00751), Pfeiffer et al. 2020 (arXiv 2005.00247), He et al. 2022 (arXiv 2110.04366); the invertible
part of a language adapter is MAD-X's (Pfeiffer et al. 2020, arXiv 2005.00052). Importing this file registers the method.

An adapter is attached to the last linear module of a block, whatever the precision of its weights (32, 16, 8 or 4 bits): it adds to
the module's output and never reads a weight. The base's dropout therefore also applies to what the adapter adds.
"""

from collections.abc import Callable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, replace
from re import escape, fullmatch
from typing import Any, Literal

import torch
from peft import PeftConfig, PeftType
from peft.mapping import PEFT_TYPE_TO_TUNER_MAPPING
from peft.tuners.tuners_utils import BaseTuner, BaseTunerLayer
from peft.utils import register_peft_method
from torch import Tensor, nn
from torch.nn import functional

from lowres.errors import ModelError, Problem
from lowres.models.architectures import Blocks, architecture

NAME = "BOTTLENECK"
Style = Literal["houlsby", "pfeiffer", "parallel"]
Activation = Literal["relu", "gelu", "silu"]


@dataclass(frozen=True)
class _Wiring:
    """How a style is wired: whether there is also an adapter after attention, and what an adapter reads.

    `reads` gets the block's output and its input, both of shape (…, width), and the norm after the block. The input of an attention
    block is not known.
    """

    attention: bool
    reads: Callable[[Tensor, Any, Callable[[Tensor], Tensor]], Tensor]


STYLES: Mapping[str, _Wiring] = {
    "houlsby": _Wiring(True, lambda output, block_input, norm: output),
    "pfeiffer": _Wiring(False, lambda output, block_input, norm: norm(output + block_input)),
    "parallel": _Wiring(False, lambda output, block_input, norm: block_input),
}
ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "relu": functional.relu,
    "gelu": functional.gelu,
    "silu": functional.silu,
}


@dataclass
class BottleneckConfig(PeftConfig):
    """The content of adapter_config.json.

    `size` is the width of the bottleneck, `scaling` a factor of its output; `invertible` adds a coupling layer after the embedding.
    By default the target modules are those of the model's family; `target_modules` may name fewer of them. Raises ModelError for
    a style or an activation that does not exist.
    """

    style: Style = "pfeiffer"
    size: int = 48
    activation: Activation = "relu"
    scaling: float = 1.0
    dropout: float = 0.0
    invertible: bool = False
    target_modules: list[str] | str | None = None
    exclude_modules: list[str] | str | None = None
    modules_to_save: list[str] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()  # type: ignore[no-untyped-call]
        self.peft_type = PeftType(NAME)
        for value, table in ((self.style, STYLES), (self.activation, ACTIVATIONS)):
            if value not in table:
                raise ModelError(
                    Problem("bottleneck adapter", f"does not know “{value}”", f"known: {', '.join(table)}")
                )


class Narrow(nn.Module):
    """A down-projection, an activation and an up-projection, which starts at 0.

    The projections have long names, since PEFT takes a part for an adapter if both have the same name.
    """

    def __init__(self, inward: int, size: int, outward: int, activation: Activation) -> None:
        super().__init__()
        self.down_projection, self.up_projection = nn.Linear(inward, size), nn.Linear(size, outward)
        self.activation = activation
        for start in (self.down_projection.bias, self.up_projection.weight, self.up_projection.bias):
            nn.init.zeros_(start)

    def forward(self, states: Tensor) -> Tensor:
        """Map states of shape (…, inward) to (…, outward), in the precision of its own weights."""
        out: Tensor = self.up_projection(
            ACTIVATIONS[self.activation](self.down_projection(states.to(self.down_projection.weight.dtype)))
        )
        return out


class Bottleneck(Narrow):
    """The adapter of one block."""

    def __init__(self, width: int, config: BottleneckConfig) -> None:
        super().__init__(width, config.size, width, config.activation)
        self.style, self.scaling, self.dropout = config.style, config.scaling, config.dropout

    def forward(self, states: Tensor) -> Tensor:
        """What is added to the block's output, of shape (…, width)."""
        return functional.dropout(super().forward(states) * self.scaling, self.dropout, self.training).to(states.dtype)


class Coupling(nn.Module):
    """An additive coupling layer (NICE, Dinh et al. 2015, arXiv 1410.8516): each half of a vector shifts the other."""

    def __init__(self, width: int, config: BottleneckConfig) -> None:
        super().__init__()
        first, second = self.halves = [width // 2, width - width // 2]
        self.first_half = Narrow(second, second // 2, first, config.activation)
        self.second_half = Narrow(first, first // 2, second, config.activation)

    def forward(self, states: Tensor) -> Tensor:
        """Transform states of shape (…, width)."""
        first, second = torch.split(states, self.halves, dim=-1)
        first = first + self.first_half(second)
        return torch.cat([first, second + self.second_half(first)], dim=-1).to(states.dtype)


class AdaptedModule(nn.Module, BaseTunerLayer):
    """A module of the base with its adapters, by name; several active ones are applied in the order of their activation."""

    adapter_layer_names = ("bottleneck_adapters",)
    kind: type[Bottleneck] | type[Coupling]

    def __init__(self, base_layer: nn.Module) -> None:
        super().__init__()
        self.base_layer = base_layer
        self.bottleneck_adapters = nn.ModuleDict()

    def add(self, name: str, width: int, config: BottleneckConfig) -> None:
        """Add an adapter, on the device of the base."""
        self.bottleneck_adapters[name] = self.kind(width, config)
        self._move_adapter_to_device_of_base_layer(name)

    def active(self) -> Iterator[Any]:
        """The active adapters."""
        if not self.disable_adapters:
            yield from (
                self.bottleneck_adapters[name] for name in self.active_adapters if name in self.bottleneck_adapters
            )


class EmbeddingWithAdapter(AdaptedModule):
    """The last module of an embedding, with the coupling layers of language adapters."""

    kind = Coupling

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        """The base's output, of shape (…, width), transformed by each active adapter."""
        states: Tensor = self.base_layer(*args, **kwargs)
        for coupling in self.active():
            states = coupling(states)
        return states


class BlockWithAdapter(AdaptedModule):
    """The last linear module of a residual block of `layer`, with its adapters.

    The input of a feed-forward block is seen by another module, `reads`. A hook takes it there; it is kept until the block ends.
    """

    kind = Bottleneck

    def __init__(self, base_layer: nn.Module, layer: nn.Module, norm: str, reads: str | None) -> None:
        super().__init__(base_layer)
        self._layer, self._norm = (layer,), norm  # in a tuple: not a part of this module
        self._block_input: Tensor | None = None
        self._hook = layer.get_submodule(reads).register_forward_pre_hook(self._take) if reads else None

    def _take(self, module: nn.Module, args: tuple[Tensor, ...]) -> None:
        self._block_input = args[0]

    def forward(self, states: Tensor) -> Tensor:
        """The base's output and what the adapters add to it, of shape (…, width)."""
        output: Tensor = self.base_layer(states)
        block_input, self._block_input = self._block_input, None
        for bottleneck in self.active():
            output = output + bottleneck(STYLES[bottleneck.style].reads(output, block_input, self._normed))
        return output

    def _normed(self, states: Tensor) -> Tensor:
        normed: Tensor = self._layer[0].get_submodule(self._norm)(states) if self._norm else states
        return normed

    def unload_and_optionally_merge_module(
        self, merge: bool, safe_merge: bool, adapter_names: list[str] | None
    ) -> nn.Module:
        """The base's own module, without the hook; part of PEFT's interface."""
        if self._hook:
            self._hook.remove()
        return self.get_base_layer()


class BottleneckModel(BaseTuner):
    """Attaches bottleneck adapters to the modules that the model's family has for them.

    Raises ModelError for an unknown family, for a module that does not end a block, and for an attempt to merge.
    """

    prefix = "bottleneck_"
    tuner_layer_cls = AdaptedModule
    target_module_mapping: dict[str, list[str]] = {}

    @staticmethod
    def _prepare_adapter_config(peft_config: PeftConfig, model_config: dict[str, Any]) -> PeftConfig:
        assert isinstance(peft_config, BottleneckConfig)
        if peft_config.target_modules is None:
            peft_config.target_modules = targets(_blocks(model_config), peft_config)
        return peft_config

    def _prepare_model(self, peft_config: PeftConfig, model: Any) -> None:
        """Encoder and decoder that share one embedding module get a module each; the weight stays shared."""
        assert isinstance(peft_config, BottleneckConfig)
        if peft_config.invertible:
            shared, name = model.get_input_embeddings(), _blocks(self.get_model_config(model)).embedding
            for stack in list(model.modules()):
                if stack._modules.get(name) is shared:
                    setattr(stack, name, copy(shared))

    def _create_and_replace(
        self,
        peft_config: PeftConfig,
        adapter_name: str,
        target: nn.Module,
        target_name: str,
        parent: nn.Module,
        current_key: str,
        parameter_name: str | None = None,
    ) -> None:
        assert isinstance(peft_config, BottleneckConfig)
        blocks = _blocks(self.get_model_config(self.model))
        if not fullmatch(targets(blocks, replace(peft_config, invertible=True)), current_key):
            what = f"cannot carry a {peft_config.style} adapter"
            raise ModelError(Problem(current_key, what, "leave target_modules out"))
        if not isinstance(target, AdaptedModule):
            target = self._adapted(target, current_key, blocks)
            setattr(parent, target_name, target)
        target.add(adapter_name, _width(target, self.model.config), peft_config)

    def _adapted(self, module: nn.Module, key: str, blocks: Blocks) -> AdaptedModule:
        if fullmatch(_anywhere(escape(blocks.embedding)), key):
            return EmbeddingWithAdapter(module)
        last = bool(fullmatch(_anywhere(rf"{blocks.layer}\.{escape(blocks.feed_forward)}"), key))
        end, reads = (blocks.feed_forward, blocks.reads) if last else (blocks.attention, None)
        return BlockWithAdapter(module, self.model.get_submodule(key.removesuffix(f".{end}")), blocks.norm, reads)

    def _check_tied_modules(self, model: nn.Module, peft_config: PeftConfig) -> None:
        """A coupling layer changes neither the embedding's weight nor the head tied to it: nothing to warn of."""

    @classmethod
    def _remove_adapter_name_from_key(cls, key: str, adapter_name: str) -> str:
        """PEFT expects an adapter's name at the end of a key; here the names of its parts follow."""
        place = BlockWithAdapter.adapter_layer_names[0]
        return key.replace(f".{place}.{adapter_name}.", f".{place}.")

    def _check_merge_allowed(self) -> None:
        raise ModelError(
            Problem(
                "bottleneck adapter",
                "cannot be merged into the base, since it is not linear",
                "save it with save_pretrained and load it beside the base",
            )
        )


def targets(blocks: Blocks, config: BottleneckConfig) -> str:
    """A regular expression for the full names of the modules that carry the adapters of a style."""
    ends = (blocks.attention, blocks.feed_forward) if STYLES[config.style].attention else (blocks.feed_forward,)
    places = [rf"{blocks.layer}\.{escape(end)}" for end in ends]
    return _anywhere("|".join(places + ([escape(blocks.embedding)] if config.invertible else [])))


def _anywhere(pattern: str) -> str:
    return rf"(?:.*\.)?(?:{pattern})"


def _width(target: AdaptedModule, config: Any) -> int:
    """The width of what an adapted module gives: that of the embedding, which may be narrower than the states, or of the states."""
    weight = getattr(target.base_layer, "weight", None)
    if isinstance(target, EmbeddingWithAdapter) and weight is not None:
        return int(weight.shape[-1])
    return states_width(config)


def states_width(config: Any) -> int:
    """The width of the hidden states of a model, by its config or that of its decoder."""
    return int(getattr(config, "hidden_size", None) or config.get_text_config().hidden_size)


def _blocks(model_config: Mapping[str, Any]) -> Blocks:
    family = architecture(str(model_config["model_type"]), "bottleneck adapter")
    assert family.blocks is not None  # every row of the table has them
    return family.blocks


def _register() -> None:
    """Register the method with PEFT, which accepts only members of its enumeration; there is no public way to add one."""
    if NAME not in PeftType.__members__:
        member: Any = str.__new__(PeftType, NAME)
        member._name_, member._value_, member._sort_order_ = NAME, NAME, len(PeftType)
        PeftType._member_names_.append(NAME)
        PeftType._member_map_[NAME] = PeftType._value2member_map_[NAME] = member
        type.__setattr__(PeftType, NAME, member)
    if NAME not in PEFT_TYPE_TO_TUNER_MAPPING:
        register_peft_method(name=NAME.lower(), config_cls=BottleneckConfig, model_cls=BottleneckModel)


_register()
