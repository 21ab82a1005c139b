"""Initialises a LoRA adapter from those of finished runs: their weight updates are combined into one of its rank."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from lowres.methods import adapters, lora
from lowres.recipe.methods import Combination

# Recipe → PEFT. The updates of each weight are combined, and a truncated singular value decomposition gives the new pair.
COMBINATION_TYPES: Mapping[str, str] = {
    "mean": "svd",
    "ties": "ties_svd",
    "dare": "dare_linear_svd",
    "dare-ties": "dare_ties_svd",
}


@torch.no_grad()
def combine(model: Any, combination: Combination, folders: Sequence[Path]) -> None:
    """Initialise the model's adapter from those in the folders. Raises ModelError where one does not fit."""
    parts = [f"part_{number}" for number in range(len(folders))]
    for part, folder in zip(parts, folders, strict=True):
        adapters.load_additional(model, folder, part)
    shares = combination.weights or (1 / len(parts),) * len(parts)
    model.base_model.add_weighted_adapter(
        parts, list(shares), "combined", combination_type=COMBINATION_TYPES[combination.how],
        svd_rank=model.peft_config[adapters.NAME].r, density=combination.density,
    )  # fmt: skip
    for module in lora.pairs(model):
        lora.set_pair(module, *lora.low_rank(module.get_delta_weight("combined"), module.r[adapters.NAME]))
    for name in (*parts, "combined"):
        model.delete_adapter(name)
    model.set_adapter(adapters.NAME)
