"""The table of methods: how each is applied, saved, restored and merged. Their settings are in lowres.recipe.methods."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from torch import Tensor, nn

from lowres.methods import adalora, adapters, bottleneck, ia3, lora, oft, stacking, whole
from lowres.models.architectures import Architecture
from lowres.recipe.methods import Method


def _full_rate(method: Method, name: str) -> float:
    return 1.0


def _decays(name: str) -> bool:
    return True


def _do_nothing(model: nn.Module, method: Method, architecture: Architecture, done: int, updates: int) -> None:
    pass


def _no_state(model: nn.Module) -> Mapping[str, Tensor]:
    return {}


def _ignore_state(model: nn.Module, kept: Mapping[str, Tensor]) -> None:
    pass


@dataclass(frozen=True)
class Technique:
    """How a method works: `apply` makes a model's weights trainable, `save` writes what trained, `restore` loads it, `merge` writes it
    into the model's own weights.

    `new_rows` says whether new embedding rows train as parameters of their own (“apart”), with the whole table (“in table”), or not
    at all (“frozen”). `rate` is the factor of the learning rate of a weight, by its name; `decays` says whether weight decay applies
    to it. `on_update` is called with the number of
    updates done, first with 0, and of all updates. `state_dict` gives what a resumed training needs beside the weights, and
    `load_state_dict` takes it. `penalty` is a scalar that is added to the loss.
    """

    apply: Callable[[nn.Module, Method, Architecture], nn.Module]
    save: Callable[[nn.Module, Path, str], None] = adapters.save
    restore: Callable[[nn.Module, Path], nn.Module] = adapters.restore
    merge: Callable[[nn.Module], nn.Module] = adapters.merge
    new_rows: Literal["apart", "in table", "frozen"] = "apart"
    rate: Callable[[Method, str], float] = _full_rate
    decays: Callable[[str], bool] = _decays
    on_update: Callable[[nn.Module, Method, Architecture, int, int], None] = _do_nothing
    penalty: Callable[[nn.Module], Tensor] | None = None
    state_dict: Callable[[nn.Module], Mapping[str, Tensor]] = _no_state
    load_state_dict: Callable[[nn.Module, Mapping[str, Tensor]], None] = _ignore_state


def _base_weights(
    apply: Callable[[nn.Module, Method, Architecture], nn.Module],
    new_rows: Literal["apart", "in table", "frozen"] = "apart",
    rate: Callable[[Method, str], float] = _full_rate,
    on_update: Callable[[nn.Module, Method, Architecture, int, int], None] = _do_nothing,
) -> Technique:
    return Technique(apply, whole.save, whole.restore, whole.merge, new_rows, rate, on_update=on_update)


TECHNIQUES: Mapping[str, Technique] = {
    "lora": Technique(lora.apply, lora.save, lora.restore),
    "oft": Technique(oft.apply),
    "ia3": Technique(ia3.apply, decays=ia3.decays),
    "adalora": Technique(
        adalora.apply,
        adalora.save,
        on_update=adalora.on_update,
        penalty=adalora.penalty,
        state_dict=adalora.state_dict,
        load_state_dict=adalora.load_state_dict,
    ),
    "bottleneck": Technique(bottleneck.apply, stacking.save_stack, stacking.restore_stack),
    "full": _base_weights(whole.full, new_rows="in table", rate=whole.encoder_rate),
    "freeze": _base_weights(whole.freeze, on_update=whole.unfreeze_gradually),
    "features": _base_weights(whole.frozen, new_rows="frozen"),
    "head": _base_weights(whole.frozen),
    "decoder": _base_weights(whole.decoder),
}
