"""Low-rank adapters (LoRA, Hu et al. 2021, arXiv 2106.09685) through PEFT, on a frozen model."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from lowres.methods import adapters
from lowres.models.adapter_folder import CONFIG, WEIGHTS
from lowres.models.architectures import Architecture
from lowres.models.modules import linear_pattern
from lowres.recipe.methods import Lora, Method

INITIAL_PAIR = "initial_pair"  # attribute of a module: its two factors before training
INITIAL_RANK = "lowres_begun"  # in the metadata of a saved adapter: how many of its ranks are the negated initial pair


def apply(model: nn.Module, method: Method, architecture: Architecture) -> nn.Module:
    """Freeze the model and add a trainable pair of low-rank factors to its linear layers."""
    from peft import LoraConfig

    assert isinstance(method, Lora)
    config = LoraConfig(
        r=method.rank, lora_alpha=method.alpha, lora_dropout=method.dropout, use_dora=method.dora, use_rslora=method.rslora,
        target_modules=linear_pattern(model, architecture, method.modules, method.layers),
    )  # fmt: skip
    adapted = adapters.attach(model, config)
    INITIALISATIONS[method.init](adapted)
    return adapted


def pairs(model: nn.Module) -> list[Any]:
    """The modules that carry a pair of low-rank factors."""
    modules: list[Any] = list(model.modules())
    return [module for module in modules if hasattr(module, "lora_A") and adapters.NAME in module.lora_A]


def _zero(model: nn.Module) -> None:
    """PEFT's own initialisation: one factor is random, the other 0, so that their product is 0."""


@torch.no_grad()
def _principal(model: nn.Module) -> None:
    """PiSSA (Meng et al. 2024, arXiv 2404.02948): move the largest singular components of each weight into its pair.

    The initial pair is kept, so that the adapter can be saved as an ordinary one over the unchanged base.
    """
    for module in pairs(model):
        left, right = low_rank(module.get_base_layer().weight, module.r[adapters.NAME])
        set_pair(module, left, right)
        _subtract(module, _down(module), _up(module))
        setattr(module, INITIAL_PAIR, (_down(module).clone(), _up(module).clone()))


def _subtract(module: Any, down: Tensor, up: Tensor) -> None:
    weight = module.get_base_layer().weight
    weight.sub_((up @ down * module.scaling[adapters.NAME]).to(weight.dtype))


@torch.no_grad()
def _loftq(model: nn.Module) -> None:
    """LoftQ (Li et al. 2023, arXiv 2310.08659): start each pair as the best low-rank approximation of the quantization error."""
    for module in pairs(model):
        layer = module.get_base_layer()
        if hasattr(layer, "quantization_error"):
            set_pair(module, *low_rank(layer.quantization_error, module.r[adapters.NAME]))
            del layer.quantization_error


INITIALISATIONS = {"zero": _zero, "pissa": _principal, "loftq": _loftq}


def low_rank(weight: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """The two factors, of shapes (out, rank) and (rank, in), whose product is nearest to a weight (Eckart and Young 1936)."""
    left, values, right = torch.linalg.svd(weight.float(), full_matrices=False)
    root = values[:rank].sqrt()
    return left[:, :rank] * root, root.unsqueeze(1) * right[:rank]


def set_pair(module: Any, left: Tensor, right: Tensor) -> None:
    """Set a pair so that it adds left @ right to its weight; of shapes (out, rank) and (rank, in)."""
    scale = module.scaling[adapters.NAME] ** 0.5
    _up(module).copy_(left / scale)
    _down(module).copy_(right / scale)


def _down(module: Any) -> Tensor:
    return module.lora_A[adapters.NAME].weight.data  # type: ignore[no-any-return]


def _up(module: Any) -> Tensor:
    return module.lora_B[adapters.NAME].weight.data  # type: ignore[no-any-return]


def save(model: nn.Module, folder: Path, base: str) -> None:
    """Save the adapter as one over the unchanged base."""
    adapters.save(model, folder, base)
    if any(hasattr(module, INITIAL_PAIR) for module in pairs(model)):
        _as_difference(model, folder)


def _as_difference(model: nn.Module, folder: Path) -> None:
    """Rewrite a saved PiSSA adapter as the change that training made, the final less the initial pair; its rank is 2r."""
    file = folder / WEIGHTS
    saved = load_file(file)
    for name, module in model.named_modules():
        if hasattr(module, INITIAL_PAIR):
            down, up = getattr(module, INITIAL_PAIR)
            for half, initial, axis in (("lora_A", down, 0), ("lora_B", -up, 1)):
                key = f"{name}.{half}.weight"
                saved[key] = torch.cat([saved[key], initial.cpu()], dim=axis).contiguous()
    config_file = folder / CONFIG
    config = json.loads(config_file.read_text(encoding="utf-8"))
    save_file(saved, file, metadata={"format": "pt", INITIAL_RANK: str(config["r"])})
    growth = 2**0.5 if config["use_rslora"] else 2  # the scale, alpha / r or alpha / √r, stays
    config |= {"r": 2 * config["r"], "lora_alpha": growth * config["lora_alpha"]}
    config_file.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")


@torch.no_grad()
def restore(model: nn.Module, folder: Path) -> nn.Module:
    """Load a saved adapter.

    A PiSSA adapter's initial pair is subtracted from the weights as it was before training: bfloat16 weights were rounded then, and
    the model predicts as it was trained only if they are rounded again.
    """
    adapted = adapters.restore(model, folder)
    with safe_open(folder / WEIGHTS, "pt") as file:
        initial = int((file.metadata() or {}).get(INITIAL_RANK, 0))
    for module in pairs(adapted) if initial else ():
        down, up = _down(module), _up(module)
        _subtract(module, down[-initial:], -up[:, -initial:])
        module.lora_A[adapters.NAME].weight = nn.Parameter(down[:-initial].clone(), requires_grad=False)
        module.lora_B[adapters.NAME].weight = nn.Parameter(up[:, :-initial].clone(), requires_grad=False)
    return adapted
