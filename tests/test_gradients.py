"""Gradients: a batch weighs every target token alike however it is divided, and nothing that is not finite is ever kept."""

import math
from collections.abc import Sequence

import pytest
import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from peft import IA3Config, get_peft_model
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from lowres.errors import TrainingError
from lowres.methods import TECHNIQUES
from lowres.methods.ia3 import decays
from lowres.recipe.training_section import Training
from lowres.tasks.classification.head import ClassificationModel
from lowres.training.loop import train
from lowres.training.loss import vocabulary_loss
from lowres.training.state import Callbacks


class Texts:
    """Predict tokens of texts of very different lengths from random vectors, through a table of embeddings."""

    def __init__(self, model: nn.Module) -> None:
        generator = torch.Generator().manual_seed(0)
        self.lengths = [1 + 7 * (number % 5) for number in range(20)]
        self.states = [torch.randn(length, 8, generator=generator) for length in self.lengths]
        self.targets = [torch.randint(0, 30, (length,), generator=generator) for length in self.lengths]
        self.model, self.updates, self.poison = model, 0, None

    def rows(self, epoch: int) -> Sequence[int]:
        """All of them."""
        return range(20)

    def loss(self, rows: Sequence[int], epoch: int) -> tuple[Tensor, int]:
        """As the tasks that write make it."""
        states = torch.cat([self.states[row] for row in rows]) @ self.model.turn
        targets = torch.cat([self.targets[row] for row in rows])
        return vocabulary_loss(states, self.model.table, None, None, targets, 0.1), len(targets)

    def score(self) -> float:
        """Better every time."""
        self.updates += 1
        return float(self.updates)


class Table(nn.Module):
    """A matrix before a table, both trained."""

    def __init__(self) -> None:
        super().__init__()
        self.turn, self.table = nn.Parameter(torch.eye(8)), nn.Parameter(torch.randn(30, 8))


def trained(micro_batch_tokens: int) -> Tensor:
    """The table after an epoch in one batch."""
    set_seed(0)
    model = Table()
    settings = Training(epochs=1, batch_tokens=10_000, learning_rate=1e-2)
    accelerator = Accelerator(cpu=True)
    list(train(model, Texts(model), settings, accelerator=accelerator, micro_batch_tokens=micro_batch_tokens))
    assert model.table.grad is not None
    return model.table.grad


@pytest.mark.parametrize("micro_batch_tokens", [30, 100, 300])
def test_the_gradient_of_a_batch_does_not_depend_on_how_it_is_divided(micro_batch_tokens: int) -> None:
    whole, divided = trained(10_000), trained(micro_batch_tokens)
    assert torch.linalg.norm(divided - whole) < 1e-5 * torch.linalg.norm(whole)


class Sharp(torch.autograd.Function):
    """Passes a value on whose gradient is not a number."""

    @staticmethod
    def forward(ctx: object, value: Tensor) -> Tensor:
        return value.clone()

    @staticmethod
    def backward(ctx: object, *slope: Tensor) -> Tensor:
        return slope[0] * math.nan


def test_a_gradient_that_is_not_finite_stops_before_it_is_used() -> None:
    model = Table()
    before = model.table.detach().clone()
    objective = Texts(model)
    plain = objective.loss
    objective.loss = lambda rows, epoch: (Sharp.apply(plain(rows, epoch)[0]), 1)  # type: ignore[method-assign]
    with pytest.raises(TrainingError, match="update 1  the gradient is not a finite number"):
        list(train(model, objective, Training(epochs=1), accelerator=Accelerator(cpu=True), micro_batch_tokens=999))
    assert torch.equal(model.table, before)


def test_weights_that_are_not_finite_are_never_kept_as_best() -> None:
    model = Table()

    def spoil(done: int, updates: int) -> None:
        if done:
            model.table.data[0, 0] = math.inf

    with pytest.raises(TrainingError, match="update 1  the weight table is not finite"):
        list(
            train(
                model, Texts(model), Training(epochs=1), accelerator=Accelerator(cpu=True), micro_batch_tokens=999,
                callbacks=Callbacks(on_update=spoil),
            )
        )  # fmt: skip


def test_the_factors_of_ia3_are_not_drawn_to_zero() -> None:
    assert TECHNIQUES["ia3"].decays is decays
    config = BertConfig(vocab_size=30, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8)
    model = get_peft_model(BertModel(config), IA3Config(target_modules=["key"], feedforward_modules=[]))
    factors = [name for name, weight in model.named_parameters() if weight.requires_grad]
    assert factors and not any(decays(name) for name in factors)


def test_a_classifier_computes_its_logits_in_float32() -> None:
    config = BertConfig(vocab_size=30, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8)
    model = ClassificationModel(BertModel(config, add_pooling_layer=False), 8, 3, "mean")
    ids = torch.arange(5)[None]
    with torch.autocast("cpu", torch.bfloat16):
        assert model(ids, torch.ones_like(ids)).dtype == torch.float32
