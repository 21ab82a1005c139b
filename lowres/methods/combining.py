"""A low-rank adapter that begins where finished runs ended: their changes of the weights combined into one of its rank."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from lowres.methods import adapters, lora
from lowres.recipe.methods import Combination

# As PEFT calls them. What is combined is the change of each weight; of the result the largest singular parts are kept.
WAYS: Mapping[str, str] = {
    "mean": "svd",
    "ties": "ties_svd",
    "dare": "dare_linear_svd",
    "dare-ties": "dare_ties_svd",
}


@torch.no_grad()
def combine(model: Any, combination: Combination, folders: Sequence[Path]) -> None:
    """Start the adapter from those in the folders. Raises ModelError where one does not fit."""
    parts = [f"part_{number}" for number in range(len(folders))]
    for part, folder in zip(parts, folders, strict=True):
        adapters.load_beside(model, folder, part)
    shares = combination.weights or (1 / len(parts),) * len(parts)
    model.base_model.add_weighted_adapter(
        parts, list(shares), "combined", combination_type=WAYS[combination.how],
        svd_rank=model.peft_config[adapters.NAME].r, density=combination.density,
    )  # fmt: skip
    for module in lora.pairs(model):
        lora.begin(module, *lora.low_rank(module.get_delta_weight("combined"), module.r[adapters.NAME]))
    for name in (*parts, "combined"):
        model.delete_adapter(name)
    model.set_adapter(adapters.NAME)
