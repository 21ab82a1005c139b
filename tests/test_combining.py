"""Adapters of finished runs as the start of another: combined as the recipe says, and refused where they do not fit."""

from pathlib import Path
from typing import Any

import pytest
import torch
from test_quantization import said, tiny
from test_run import write_recipe

from lowres.errors import PlanError
from lowres.methods import adapters, lora
from lowres.methods.combining import COMBINATION_TYPES, combine
from lowres.models.architectures import ARCHITECTURES
from lowres.planning import Options
from lowres.recipe.methods import Combination, Lora
from lowres.running import run as run_recipe

METHOD_FACTS = ARCHITECTURES["bert"]
QUIET = {"evaluation:": "ensemble: {ngrams: off}\nevaluation:", "epochs: 30": "epochs: 3"}


def saved(folder: Path, seed: int, rank: int = 4) -> Path:
    """A LoRA over the tiny BERT whose every pair does something."""
    model = lora.apply(tiny("bert"), Lora(kind="lora", rank=rank), METHOD_FACTS)
    torch.manual_seed(seed)
    for name, weight in model.named_parameters():
        if "lora_" in name:
            weight.data = 0.1 * torch.randn_like(weight)
    adapters.save(model, folder, "base")
    return folder


def combined(folders: list[Path], rank: int = 8, **how: Any) -> Any:
    model = lora.apply(tiny("bert"), Lora(kind="lora", rank=rank), METHOD_FACTS)
    combine(model, Combination(runs=tuple(map(str, folders)), **how), folders)
    return model


def deltas(model: Any) -> list[torch.Tensor]:
    return [module.get_delta_weight("default") for module in lora.pairs(model)]


def test_the_mean_is_the_mean_of_what_the_runs_changed(tmp_path: Path) -> None:
    one, two = saved(tmp_path / "one", 1), saved(tmp_path / "two", 2)
    alone = [deltas(adapters.restore(tiny("bert"), folder)) for folder in (one, two)]
    for found, left, right in zip(deltas(combined([one, two])), *alone, strict=True):
        torch.testing.assert_close(found, (left + right) / 2, rtol=1e-4, atol=1e-5)
    for found, left, right in zip(deltas(combined([one, two], weights=(2.0, -1.0))), *alone, strict=True):
        torch.testing.assert_close(found, 2 * left - right, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("how", COMBINATION_TYPES)
def test_every_combination_gives_one_adapter_that_trains(how: str, tmp_path: Path) -> None:
    torch.manual_seed(3)
    model = combined([saved(tmp_path / "one", 1), saved(tmp_path / "two", 2, rank=2)], how=how)
    assert list(model.peft_config) == ["default"]
    assert not torch.equal(said(model), said(tiny("bert")))
    said(model).pow(2).mean().backward()
    trained = [name for name, weight in model.named_parameters() if weight.requires_grad]
    assert trained and all("lora_" in name and ".default." in name for name in trained)


def test_a_recipe_begins_with_finished_runs(small_data: Path, tiny_encoder: Path, options: Options) -> None:
    runs = []
    for number, seed in enumerate((13, 14)):
        recipe = write_recipe(small_data, tiny_encoder, **{**QUIET, "patience: 30": f"patience: 30, seed: {seed}"})
        runs.append(str(run_recipe(recipe, small_data / f"part-{number}", options=options).folder))
    method = f"{{kind: lora, rank: 8, combine: {{runs: {runs}, how: ties}}}}".replace("'", '"')
    recipe = write_recipe(small_data, tiny_encoder, **{**QUIET, "{kind: lora, rank: 8}": method})
    run = run_recipe(recipe, small_data / "both", options=options)
    assert run.record.status == "done"

    other = write_recipe(small_data, tiny_encoder, **{**QUIET, "{kind: lora, rank: 8}": "{kind: full}"})
    full = str(run_recipe(other, small_data / "full", options=options).folder)
    mixed = method.replace(runs[1], full)
    with pytest.raises(PlanError, match="trained full, not lora"):
        run_recipe(
            write_recipe(small_data, tiny_encoder, **{**QUIET, "{kind: lora, rank: 8}": mixed}),
            small_data / "no",
            options=options,
        )
    wrong = method.replace("how: ties", "weights: [0.1, 0.2, 0.3]")
    with pytest.raises(PlanError, match="3 weights for 2 runs"):
        run_recipe(
            write_recipe(small_data, tiny_encoder, **{**QUIET, "{kind: lora, rank: 8}": wrong}),
            small_data / "w",
            options=options,
        )
