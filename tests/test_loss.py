"""The loss in chunks, and noised texts."""

import math
import random

import pytest
import torch

from lowres.tasks.pretraining.denoising import noised, with_denoising
from lowres.training import loss as room
from lowres.training.loss import token_bits, vocabulary_loss


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("cells", [100, 1_000_000])
def test_loss_and_gradients_are_those_of_cross_entropy(
    smoothing: float, cells: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "MAX_LOGITS", cells)
    torch.manual_seed(0)
    states, old, new = (torch.randn(rows, 16, requires_grad=True) for rows in (50, 30, 7))
    bias, targets = torch.randn(37), torch.randint(0, 37, (50,))
    mine = vocabulary_loss(states, old, new, bias, targets, smoothing)
    logits = torch.cat([states @ old.t(), states @ new.t()], dim=1) + bias
    theirs = torch.nn.functional.cross_entropy(logits, targets, label_smoothing=smoothing, reduction="sum")
    assert torch.allclose(mine, theirs, rtol=1e-5)
    for one, other in zip(
        torch.autograd.grad(2 * mine, (states, old, new)),
        torch.autograd.grad(2 * theirs, (states, old, new)),
        strict=True,
    ):
        assert torch.allclose(one, other, atol=1e-4)


def test_a_bias_that_trains_gets_its_gradient_and_every_position_its_bits() -> None:
    torch.manual_seed(0)
    states, old, new = torch.randn(50, 16), torch.randn(30, 16), torch.randn(7, 16)
    bias, targets = torch.randn(37, requires_grad=True), torch.randint(0, 37, (50,))
    logits = torch.cat([states @ old.t(), states @ new.t()], dim=1) + bias
    for smoothing in (0.0, 0.1):
        theirs = torch.nn.functional.cross_entropy(logits, targets, label_smoothing=smoothing, reduction="sum")
        (wanted,) = torch.autograd.grad(theirs, bias, retain_graph=True)
        (found,) = torch.autograd.grad(vocabulary_loss(states, old, new, bias, targets, smoothing), bias)
        assert torch.allclose(found, wanted, atol=1e-5)
    costs = torch.nn.functional.cross_entropy(logits, targets, reduction="none") / math.log(2)
    assert torch.allclose(token_bits(states, old, new, bias, targets), costs, atol=1e-4)


def test_a_frozen_table_gets_no_gradient_and_half_precision_comes_near() -> None:
    torch.manual_seed(0)
    states = torch.randn(40, 32, requires_grad=True)
    table, targets = torch.randn(200, 32) * 0.3, torch.randint(0, 200, (40,))
    exact = vocabulary_loss(states, table, None, None, targets, 0.1)
    (slope,) = torch.autograd.grad(exact, states)
    half = states.detach().bfloat16().requires_grad_()
    near = vocabulary_loss(half, table, None, None, targets, 0.1)
    near.backward()  # type: ignore[no-untyped-call]
    assert abs(float(near - exact)) / len(states) < 0.02
    assert (
        half.grad is not None
        and torch.nn.functional.cosine_similarity(half.grad.float().ravel(), slope.ravel(), 0) > 0.99
    )


def test_a_noised_text_keeps_most_of_itself() -> None:
    text = list(range(100, 160))
    copies = [noised(text, 4, random.Random(seed)) for seed in range(50)]
    assert all(copy for copy in copies) and len({tuple(copy) for copy in copies}) == 50
    kept = [len(set(copy) & set(text)) / len(text) for copy in copies]
    assert 0.55 < sum(kept) / 50 < 0.85
    assert all(4 in copy for copy in copies if len(copy) < 55)
    without = noised(text, None, random.Random(1))
    assert sorted(without) == sorted(piece for piece in noised(text, 4, random.Random(1)) if piece != 4)
    assert noised([7], 4, random.Random(0)) in ([7], [4])


def test_denoising_takes_its_share_of_an_epoch_and_all_texts_in_turn() -> None:
    rows = with_denoising(lambda epoch: range(90), 90, 25, 0.1, 13)
    assert len(rows(0)) == 100 and list(rows(0)[:90]) == list(range(90))
    seen = [row for epoch in range(5) for row in rows(epoch)[90:]]
    assert set(seen) == set(range(90, 115)) and len(seen) == 50
    assert list(with_denoising(lambda epoch: range(5), 5, 0, 0.5, 13)(0)) == list(range(5))
