"""A training that meets infinity goes back once and slower; one that needs more memory divides its batches; neither exports NaN."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from bases import write_base
from test_training import Signs
from torch import Tensor, nn
from untrained import CLASSIFICATION, labelled_corpus, plan_of, predictor_of

from lowres.errors import ModelError, TrainingError
from lowres.recipe.sections import Training
from lowres.training.checkpoints import Checkpoints
from lowres.training.loop import Step, train

SETTINGS = Training(epochs=3, learning_rate=0.05, batch_tokens=64, patience=100)


class InfiniteGradient(torch.autograd.Function):
    """The loss as it is, with a gradient without bounds."""

    @staticmethod
    def forward(ctx: Any, loss: Tensor) -> Tensor:
        return loss.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]
        return gradient * math.inf


class Faulty(Signs):
    """Infinite gradients at some of the calls; more rows at once than `most` need more memory than there is."""

    def __init__(self, model: nn.Module, infinite: Sequence[int] = (), most: int = 64) -> None:
        super().__init__(model)
        self.infinite, self.most, self.sizes = infinite, most, list[int]()

    def loss(self, rows: Sequence[int], epoch: int) -> tuple[Tensor, int]:
        self.sizes.append(len(rows))
        if len(rows) > self.most:
            torch.empty(2**60)
        loss, count = super().loss(rows, epoch)
        return (InfiniteGradient.apply(loss) if self.asked in self.infinite else loss), count


def trained(checkpoints: Checkpoints | None, **faults: Any) -> tuple[nn.Module, list[Step], Faulty]:
    set_seed(0)
    model = nn.Sequential(nn.Linear(2, 8), nn.Dropout(0.3), nn.Linear(8, 2))
    objective = Faulty(model, **faults)
    steps = train(
        model, objective, SETTINGS, accelerator=Accelerator(cpu=True), micro_batch_tokens=1000, checkpoints=checkpoints
    )
    return model, list(steps), objective


@pytest.mark.usefixtures("eager")
def test_an_infinite_gradient_goes_back_once_at_half_the_rate(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "kept", {})
    model, steps, _ = trained(checkpoints, infinite=[6])
    _, calm, _ = trained(None)
    assert [step.update for step in steps] == list(range(1, 13))
    rates = [step.learning_rate / other.learning_rate for step, other in zip(steps, calm, strict=True)]
    assert rates[:5] == [1.0] * 5 and rates[5:] == pytest.approx([0.5] * 7)
    assert all(torch.isfinite(weight).all() for weight in model.parameters())
    (told,) = checkpoints.findings
    assert (told.where, told.level) == ("update 6", "warning")
    assert "training went back to update 5, and on with half the learning rate" in told.what


def test_before_the_next_checkpoint_the_updates_are_made_again_from_the_last(tmp_path: Path) -> None:
    _, steps, _ = trained(Checkpoints(tmp_path / "kept", {}), infinite=[6])  # only the start is on the disk
    assert [step.update for step in steps] == [1, 2, 3, 4, 5, *range(1, 13)]


@pytest.mark.usefixtures("eager")
def test_a_gradient_that_stays_infinite_ends_the_training_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"update 6  the gradient is not a finite number \(halve training\."):
        trained(Checkpoints(tmp_path / "kept", {}), infinite=range(6, 99))
    kept = Checkpoints(tmp_path / "kept", {}).read()
    assert kept and kept.update == 5
    assert all(torch.isfinite(tensor).all() for name, tensor in kept.tensors.items() if tensor.is_floating_point())


@pytest.mark.usefixtures("eager")
def test_where_memory_does_not_suffice_batches_are_divided_and_it_is_remembered(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "kept", {})
    _, steps, objective = trained(checkpoints, most=4)
    assert len(steps) == 12 and objective.sizes[:3] == [16, 16, 16], "1000, 500, 250, 125 and 62 tokens"
    assert max(objective.sizes[8:]) <= 4
    kept = checkpoints.read()
    assert kept and 4 <= kept.facts["micro_batch_tokens"] // 4 * 4 <= 16
    with pytest.raises(TrainingError, match=r"the memory does not suffice for one example of 4 tokens \(a smaller"):
        trained(None, most=0)


def test_weights_that_are_not_finite_are_not_saved(tmp_path: Path) -> None:
    base = write_base("xlm-roberta", tmp_path / "base")
    plan, corpus = plan_of(base, CLASSIFICATION), labelled_corpus(["the house", "the soup", "a river", "a mill"], 1)
    found = predictor_of(plan, corpus)
    weight = next(weight for name, weight in found.model.named_parameters() if "lora_B" in name)
    with torch.no_grad():
        weight[0] = math.nan
    with pytest.raises(ModelError, match=r"lora_B.* is not finite"):
        replace(found).save(tmp_path / "model")
    assert not list((tmp_path / "model").rglob("*.safetensors"))
