"""AdaLoRA (Zhang et al. 2023, arXiv 2303.10512) through PEFT: LoRA whose less important ranks are pruned while it trains."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lowres.methods import adapters
from lowres.models.architectures import Architecture
from lowres.models.modules import linear_pattern
from lowres.recipe.methods import AdaLora, Method

MAX_UPDATES = 1_000_000  # a placeholder: the number of updates is known when training begins
MOVING_AVERAGES = ("ipt", "exp_avg_ipt", "exp_avg_unc")  # PEFT's moving averages of the importance of each parameter
ORTHOGONAL = 0.5  # weight of the orthogonality penalty, γ of the paper; PEFT's default


def apply(model: nn.Module, method: Method, architecture: Architecture) -> nn.Module:
    """Freeze the model and add a trainable update in the form of a singular value decomposition to its linear layers."""
    from peft import AdaLoraConfig

    assert isinstance(method, AdaLora)
    config = AdaLoraConfig(
        init_r=method.rank + (method.rank + 1) // 2, target_r=method.rank, lora_alpha=method.alpha,
        lora_dropout=method.dropout, total_step=MAX_UPDATES, orth_reg_weight=ORTHOGONAL,
        target_modules=linear_pattern(model, architecture, method.modules, method.layers),
    )  # fmt: skip
    adapted = adapters.attach(model, config)
    for name, weight in adapted.named_parameters():
        if ".ranknum." in name:  # the current rank, which PEFT 0.21 makes trainable over bfloat16 but never saves
            weight.requires_grad_(False)
    return adapted


def save(model: nn.Module, folder: Path, base: str) -> None:
    """Save all ranks, the pruned ones as zeros.

    PEFT would save only the remaining ones, and would then scale them otherwise, since it divides by the rank.
    """
    config = _tuner(model).peft_config[adapters.NAME]
    ranks, config.rank_pattern = config.rank_pattern, None
    adapters.save(model, folder, base)
    config.rank_pattern = ranks


def on_update(model: nn.Module, method: Method, architecture: Architecture, done: int, updates: int) -> None:
    """After an update: reallocate the ranks, from a tenth of the training until half of it is done."""
    tuner = _tuner(model)
    if not done:
        config = tuner.peft_config[adapters.NAME]
        config.total_step, config.tinit, config.tfinal = updates, updates // 10, updates // 2
        tuner.rankallocator.set_total_step(updates)
        return
    tuner.update_and_allocate(done)


def state_dict(model: nn.Module) -> dict[str, Tensor]:
    """The importance of each parameter so far, and which ranks remain."""
    allocator, ranks = _allocator(model), _tuner(model).peft_config[adapters.NAME].rank_pattern or {}
    averages = {f"{what} {name}": value for what in MOVING_AVERAGES for name, value in getattr(allocator, what).items()}
    return averages | {f"remaining {name}": torch.tensor(parts) for name, parts in ranks.items()}


def load_state_dict(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Load what `state_dict` returned."""
    allocator, remaining = _allocator(model), {}
    for key, value in state.items():
        what, _, name = key.partition(" ")
        if what == "remaining":
            remaining[name] = value.tolist()
        else:
            getattr(allocator, what)[name] = value.to(next(model.parameters()).device)
    _tuner(model).peft_config[adapters.NAME].rank_pattern = remaining or None


def penalty(model: nn.Module) -> Tensor:
    """How far the singular vectors are from being orthogonal: the mean Frobenius norm of PᵀP − I, times ORTHOGONAL; a scalar."""
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
    """PEFT's model, wherever it stands in ours."""
    return next(module for module in model.modules() if hasattr(module, "rankallocator"))
