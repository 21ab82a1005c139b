"""Low-rank adapters through PEFT, on a frozen model."""

import json
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from lowres.methods import adapters
from lowres.models.architectures import Architecture
from lowres.models.modules import linear_pattern
from lowres.recipe.methods import Lora, Method

BEFORE = "before_training"
BEGUN = "lowres_begun"  # in the metadata of a saved adapter: how many of its ranks are what training began with
WEIGHTS = "adapter_model.safetensors"


def apply(model: nn.Module, method: Method, architecture: Architecture) -> nn.Module:
    """Freeze the model and put a trainable low-rank pair beside its linear layers."""
    assert isinstance(method, Lora)
    config = LoraConfig(
        r=method.rank, lora_alpha=method.alpha, lora_dropout=method.dropout, use_dora=method.dora, use_rslora=method.rslora,
        target_modules=linear_pattern(model, architecture, method.modules, method.layers),
    )  # fmt: skip
    adapted = adapters.attach(model, config)
    STARTS[method.init](adapted)
    return adapted


def pairs(model: nn.Module) -> list[Any]:
    """The modules that carry a low-rank pair."""
    modules: list[Any] = list(model.modules())
    return [module for module in modules if hasattr(module, "lora_A") and adapters.NAME in module.lora_A]


def _leave(model: nn.Module) -> None:
    """PEFT starts from zero: one half random, the other 0."""


@torch.no_grad()
def _principal(model: nn.Module) -> None:
    """Move the largest singular parts of each weight into its pair; what the pair began with is kept, so that the adapter
    can be saved as an ordinary one over the untouched base.
    """
    for module in pairs(model):
        left, right = low_rank(module.get_base_layer().weight, module.r[adapters.NAME])
        begin(module, left, right)
        _take_out(module, _down(module), _up(module))
        setattr(module, BEFORE, (_down(module).clone(), _up(module).clone()))


def _take_out(module: Any, down: Tensor, up: Tensor) -> None:
    weight = module.get_base_layer().weight
    weight.sub_((up @ down * module.scaling[adapters.NAME]).to(weight.dtype))


@torch.no_grad()
def _lost(model: nn.Module) -> None:
    """Begin each pair with the best low-rank likeness of what its weight lost when it was held in few bits."""
    for module in pairs(model):
        layer = module.get_base_layer()
        if hasattr(layer, "lost"):
            begin(module, *low_rank(layer.lost, module.r[adapters.NAME]))
            del layer.lost


STARTS = {"zero": _leave, "pissa": _principal, "loftq": _lost}


def low_rank(weight: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """The two factors, (out, rank) and (rank, in), whose product is nearest to a weight (Eckart and Young 1936)."""
    left, values, right = torch.linalg.svd(weight.float(), full_matrices=False)
    root = values[:rank].sqrt()
    return left[:, :rank] * root, root.unsqueeze(1) * right[:rank]


def begin(module: Any, left: Tensor, right: Tensor) -> None:
    """Set a pair so that it adds left @ right, of shapes (out, rank) and (rank, in)."""
    scale = module.scaling[adapters.NAME] ** 0.5
    _up(module).copy_(left / scale)
    _down(module).copy_(right / scale)


def _down(module: Any) -> Tensor:
    return module.lora_A[adapters.NAME].weight.data  # type: ignore[no-any-return]


def _up(module: Any) -> Tensor:
    return module.lora_B[adapters.NAME].weight.data  # type: ignore[no-any-return]


def save(model: nn.Module, folder: Path, base: str) -> None:
    """Write the adapter as one over the untouched base."""
    adapters.save(model, folder, base)
    if any(hasattr(module, BEFORE) for module in pairs(model)):
        _as_difference(model, folder)


def _as_difference(model: nn.Module, folder: Path) -> None:
    """What began as a part of the weights is written as what training changed: rank 2r, the end less the beginning."""
    file = folder / WEIGHTS
    saved = load_file(file)
    for name, module in model.named_modules():
        if hasattr(module, BEFORE):
            down, up = getattr(module, BEFORE)
            for half, begun, axis in (("lora_A", down, 0), ("lora_B", -up, 1)):
                key = f"{name}.{half}.weight"
                saved[key] = torch.cat([saved[key], begun.cpu()], dim=axis).contiguous()
    config_file = folder / adapters.CONFIG
    config = json.loads(config_file.read_text(encoding="utf-8"))
    save_file(saved, file, metadata={"format": "pt", BEGUN: str(config["r"])})
    growth = 2**0.5 if config["use_rslora"] else 2  # the scale, alpha / r or alpha / √r, stays
    config |= {"r": 2 * config["r"], "lora_alpha": growth * config["lora_alpha"]}
    config_file.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")


@torch.no_grad()
def restore(model: nn.Module, folder: Path) -> nn.Module:
    """The model with the saved adapter. What began as a part of the weights is taken out of them once more: what is left of bfloat16
    weights was rounded, and the model answers as it was trained only if that happens again.
    """
    adapted = adapters.restore(model, folder)
    with safe_open(folder / WEIGHTS, "pt") as file:
        begun = int((file.metadata() or {}).get(BEGUN, 0))
    for module in pairs(adapted) if begun else ():
        down, up = _down(module), _up(module)
        _take_out(module, down[-begun:], -up[:, -begun:])
        module.lora_A[adapters.NAME].weight = nn.Parameter(down[:-begun].clone(), requires_grad=False)
        module.lora_B[adapters.NAME].weight = nn.Parameter(up[:, :-begun].clone(), requires_grad=False)
    return adapted
