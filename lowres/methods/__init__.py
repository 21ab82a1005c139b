"""What is trained: one table of all methods. What is true of each stands in lowres.recipe.methods."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from torch import Tensor, nn

from lowres.methods import adalora, adapters, bottleneck, ia3, lora, oft, stacking, whole
from lowres.models.architectures import Architecture
from lowres.recipe.methods import Method


def _steady(method: Method, name: str) -> float:
    return 1.0


def _leave(model: nn.Module, method: Method, architecture: Architecture, done: int, updates: int) -> None:
    pass


def _nothing(model: nn.Module) -> Mapping[str, Tensor]:
    return {}


def _forget(model: nn.Module, kept: Mapping[str, Tensor]) -> None:
    pass


@dataclass(frozen=True)
class Technique:
    """The verbs of a method: mark what trains in a model, save just that, put it back, write it into the weights.

    `rows` says whether new embedding rows train beside it, train anyhow since the whole embedding does, or stay. `rate` is the
    factor of the learning rate of a weight by its name; `tend` is called with the updates done, first with 0; what it needs beside
    the weights, when a training is taken up again, `remember` gives and `recall` takes; `penalty` is added to the loss.
    """

    apply: Callable[[nn.Module, Method, Architecture], nn.Module]
    save: Callable[[nn.Module, Path, str], None] = adapters.save
    restore: Callable[[nn.Module, Path], nn.Module] = adapters.restore
    merge: Callable[[nn.Module], nn.Module] = adapters.merge
    rows: Literal["beside", "anyhow", "never"] = "beside"
    rate: Callable[[Method, str], float] = _steady
    on_update: Callable[[nn.Module, Method, Architecture, int, int], None] = _leave
    penalty: Callable[[nn.Module], Tensor] | None = None
    state_dict: Callable[[nn.Module], Mapping[str, Tensor]] = _nothing
    load_state_dict: Callable[[nn.Module, Mapping[str, Tensor]], None] = _forget


def _whole(
    apply: Callable[[nn.Module, Method, Architecture], nn.Module],
    rows: Literal["beside", "anyhow", "never"] = "beside",
    rate: Callable[[Method, str], float] = _steady,
    on_update: Callable[[nn.Module, Method, Architecture, int, int], None] = _leave,
) -> Technique:
    return Technique(apply, whole.save, whole.restore, whole.merge, rows, rate, on_update)


TECHNIQUES: Mapping[str, Technique] = {
    "lora": Technique(lora.apply, lora.save, lora.restore),
    "oft": Technique(oft.apply),
    "ia3": Technique(ia3.apply),
    "adalora": Technique(
        adalora.apply,
        adalora.save,
        on_update=adalora.on_update,
        penalty=adalora.penalty,
        state_dict=adalora.state_dict,
        load_state_dict=adalora.load_state_dict,
    ),
    "bottleneck": Technique(bottleneck.apply, stacking.save_stack, stacking.restore_stack),
    "full": _whole(whole.full, rows="anyhow", rate=whole.encoder_rate),
    "freeze": _whole(whole.freeze, on_update=whole.thaw),
    "features": _whole(whole.nothing, rows="never"),
    "head": _whole(whole.nothing),
    "decoder": _whole(whole.decoder),
}
