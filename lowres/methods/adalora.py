"""LoRA with ranks that move, through PEFT: singular parts that count little are taken away while the adapter trains."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from peft import AdaLoraConfig
from torch import Tensor, nn

from lowres.methods import adapters
from lowres.models.architectures import Architecture
from lowres.models.modules import linear_pattern
from lowres.recipe.methods import AdaLora, Method

LONGEST = 1_000_000  # updates: the true number is set when training begins
MOVING = ("ipt", "exp_avg_ipt", "exp_avg_unc")  # PEFT's moving averages of what each part counts, by its name
ORTHOGONAL = 0.5  # weight of the penalty that keeps singular vectors apart (γ of the paper, as PEFT has it)


def apply(model: nn.Module, method: Method, architecture: Architecture) -> nn.Module:
    """Freeze the model and put a trainable singular value decomposition beside its linear layers."""
    assert isinstance(method, AdaLora)
    config = AdaLoraConfig(
        init_r=method.rank + (method.rank + 1) // 2, target_r=method.rank, lora_alpha=method.alpha,
        lora_dropout=method.dropout, total_step=LONGEST, orth_reg_weight=ORTHOGONAL,
        target_modules=linear_pattern(model, architecture, method.modules, method.layers),
    )  # fmt: skip
    adapted = adapters.attach(model, config)
    for name, weight in adapted.named_parameters():
        if ".ranknum." in name:  # the number of parts, which PEFT 0.21 trains over bfloat16, but never saves
            weight.requires_grad_(False)
    return adapted


def save(model: nn.Module, folder: Path, base: str) -> None:
    """Write all singular parts, those that were taken away as zeros.

    Cut to their ranks, as PEFT would write them, they come back with another scale: it divides by the rank.
    """
    config = _tuner(model).peft_config[adapters.NAME]
    ranks, config.rank_pattern = config.rank_pattern, None
    adapters.save(model, folder, base)
    config.rank_pattern = ranks


def on_update(model: nn.Module, method: Method, architecture: Architecture, done: int, updates: int) -> None:
    """After an update: move the ranks, from a tenth of training on; over the last half they stay."""
    tuner = _tuner(model)
    if not done:
        config = tuner.peft_config[adapters.NAME]
        config.total_step, config.tinit, config.tfinal = updates, updates // 10, updates // 2
        tuner.rankallocator.set_total_step(updates)
        return
    tuner.update_and_allocate(done)


def state_dict(model: nn.Module) -> dict[str, Tensor]:
    """How much each singular part has counted so far, and which are left."""
    allocator, kept = _allocator(model), _tuner(model).peft_config[adapters.NAME].rank_pattern or {}
    counted = {f"{what} {name}": value for what in MOVING for name, value in getattr(allocator, what).items()}
    return counted | {f"left {name}": torch.tensor(parts) for name, parts in kept.items()}


def load_state_dict(model: nn.Module, kept: Mapping[str, Tensor]) -> None:
    """Put back what `remember` gave."""
    allocator, left = _allocator(model), {}
    for key, value in kept.items():
        what, _, name = key.partition(" ")
        if what == "left":
            left[name] = value.tolist()
        else:
            getattr(allocator, what)[name] = value.to(next(model.parameters()).device)
    _tuner(model).peft_config[adapters.NAME].rank_pattern = left or None


def penalty(model: nn.Module) -> Tensor:
    """How far singular vectors are from being orthogonal: mean Frobenius norm of PᵀP − 1, times ORTHOGONAL; a scalar."""
    grams = []
    for module in _tuner(model).modules():
        if hasattr(module, "lora_E") and adapters.NAME in module.lora_E:
            down, up = module.lora_A[adapters.NAME], module.lora_B[adapters.NAME]
            grams += [down @ down.T, up.T @ up]
    return (
        ORTHOGONAL
        * torch.stack([torch.linalg.norm(gram - torch.eye(len(gram), device=gram.device)) for gram in grams]).mean()
    )


def _allocator(model: nn.Module) -> Any:
    return _tuner(model).rankallocator


def _tuner(model: nn.Module) -> Any:
    """PEFT's own model, wherever it stands in ours."""
    return next(module for module in model.modules() if hasattr(module, "rankallocator"))
