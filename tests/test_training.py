"""Batches and the loop: every row once, within the budget, the same twice; learning, early stop, divergence."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from lowres.errors import TrainingError
from lowres.recipe.training_section import Training
from lowres.training.batches import plan_batches, sorted_batches
from lowres.training.checkpoints import Checkpoints, CheckpointState
from lowres.training.loop import Step, train

lengths_strategy = st.lists(st.integers(1, 300), min_size=1, max_size=200)


@given(lengths_strategy, st.integers(64, 1024), st.integers(0, 5), st.integers(0, 5))
def test_every_row_is_in_one_batch_within_the_budget(lengths: list[int], budget: int, seed: int, epoch: int) -> None:
    for batches in (plan_batches(lengths, budget, seed, epoch), sorted_batches(lengths, budget)):
        assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
        for batch in batches:
            assert len(batch) == 1 or len(batch) * max(lengths[row] for row in batch) <= budget


def test_batches_repeat_for_a_seed_and_differ_between_epochs() -> None:
    lengths = [5 + i % 40 for i in range(500)]
    assert plan_batches(lengths, 512, 1, 0) == plan_batches(lengths, 512, 1, 0)
    assert plan_batches(lengths, 512, 1, 0) != plan_batches(lengths, 512, 1, 1)


def test_little_is_padding() -> None:
    lengths = [3 + (i * 37) % 90 for i in range(2000)]
    padded = sum(len(batch) * max(lengths[row] for row in batch) for batch in plan_batches(lengths, 1024, 0, 0))
    assert sum(lengths) / padded > 0.85


class Signs:
    """Tell the sign of a number from two features: learnable by one linear layer."""

    def __init__(self, model: nn.Module, rows: int = 64, poison: int | None = None) -> None:
        self.model = model
        self.inputs = torch.randn(rows, 2, generator=torch.Generator().manual_seed(0))
        self.answers = (self.inputs[:, 0] > 0).long()
        self.lengths = [4] * rows
        self.poison, self.asked = poison, 0

    def rows(self, epoch: int) -> Sequence[int]:
        return range(len(self.inputs))

    def loss(self, rows: Sequence[int], epoch: int) -> tuple[Tensor, int]:
        self.asked += 1
        factor = math.nan if self.poison == self.asked else 1.0
        logits, answers = self.model(self.inputs[list(rows)]), self.answers[list(rows)]
        return nn.functional.cross_entropy(logits, answers, reduction="sum") * factor, len(rows)

    def score(self) -> float:
        with torch.no_grad():
            return 100 * float((self.model(self.inputs).argmax(1) == self.answers).float().mean())


def fitted(settings: Training, micro: int = 10_000) -> tuple[nn.Module, list[float], float]:
    set_seed(0)
    model = nn.Linear(2, 2)
    objective = Signs(model)
    steps = list(train(model, objective, settings, accelerator=Accelerator(cpu=True), micro_batch_tokens=micro))
    return model, [step.loss for step in steps], objective.score()


def test_it_learns_and_the_best_weights_are_kept() -> None:
    _, losses, score = fitted(Training(epochs=20, learning_rate=0.1, batch_tokens=64))
    assert losses[-1] < losses[0] / 2
    assert score > 95


def test_the_same_seed_gives_the_same_weights() -> None:
    settings = Training(epochs=3, learning_rate=0.05, batch_tokens=64)
    assert torch.equal(fitted(settings)[0].weight, fitted(settings)[0].weight)


def test_gradient_accumulation_changes_nothing_but_rounding() -> None:
    settings = Training(epochs=3, learning_rate=0.05, batch_tokens=64)
    assert torch.allclose(fitted(settings)[0].weight, fitted(settings, micro=16)[0].weight, atol=1e-6)


def test_patience_stops_and_says_so() -> None:
    set_seed(0)
    model = nn.Linear(2, 2)
    objective = Signs(model)
    objective.score = lambda: 50.0  # type: ignore[method-assign]
    settings = Training(epochs=50, batch_tokens=64, patience=2)
    steps = list(train(model, objective, settings, accelerator=Accelerator(cpu=True), micro_batch_tokens=10_000))
    assert steps[-1].stopped
    assert steps[-1].epoch == 3
    assert [step.update for step in steps if step.best] == [steps[-1].update // 3]


def begun(settings: Training, checkpoints: Checkpoints | None, stop: int | None = None) -> tuple[nn.Module, list[Step]]:
    """A model with dropout, trained to its end or up to one update."""
    set_seed(0)
    model = nn.Sequential(nn.Linear(2, 8), nn.Dropout(0.3), nn.Linear(8, 2))
    objective, steps = Signs(model), []
    accelerator, kept = Accelerator(cpu=True), checkpoints and checkpoints.read()
    for step in train(
        model,
        objective,
        settings,
        accelerator=accelerator,
        micro_batch_tokens=32,
        begun=kept,
        checkpoints=checkpoints,
    ):
        steps.append(step)
        if step.update == stop:
            break
    return model, steps


def told(steps: Sequence[Step]) -> list[tuple[object, ...]]:
    """All of the steps but their seconds."""
    return [(s.update, s.epoch, s.loss, s.learning_rate, s.examples, s.tokens, s.dev, s.best, s.stopped) for s in steps]


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("stop", [2, 7, 12, 16])
def test_an_interrupted_training_resumes_exactly(tmp_path: Path, stop: int) -> None:
    settings = Training(epochs=4, learning_rate=0.05, batch_tokens=64, patience=100)
    whole, steps = begun(settings, None)
    assert len(steps) == 16
    begun(settings, Checkpoints(tmp_path / "kept", {}), stop)
    set_seed(5)  # another process has other dice
    model, rest = begun(settings, Checkpoints(tmp_path / "kept", {}))
    assert told(rest) == told(steps[stop:])  # a checkpoint is written where the training is stopped
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), model.parameters(), strict=True))


@pytest.mark.usefixtures("eager")
def test_a_training_that_had_ended_is_not_made_again(tmp_path: Path) -> None:
    settings = Training(epochs=3, learning_rate=0.05, batch_tokens=64)
    whole, _ = begun(settings, Checkpoints(tmp_path / "kept", {}))
    model, steps = begun(settings, Checkpoints(tmp_path / "kept", {}))
    assert steps == []
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), model.parameters(), strict=True))


def test_a_checkpoint_of_something_else_or_damaged_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "kept"
    assert Checkpoints(path, {"data": "a"}).read() is None
    Checkpoints(path, {"data": "a", "base": "b"}).write(CheckpointState({"update": 3}, {"x": torch.ones(2)}))
    read = Checkpoints(path, {"data": "a", "base": "b"}).read()
    assert read is not None
    assert read.facts == {"update": 3}
    assert torch.equal(read.tensors["x"], torch.ones(2))
    with pytest.raises(TrainingError, match=r"written with other base than there is now .*--restart"):
        Checkpoints(path, {"data": "a", "base": "c"}).read()
    Checkpoints(path, {}).write(
        CheckpointState({"update": 4}, {"weight z": torch.ones(2), "rng cpu": torch.get_rng_state()})
    )
    with pytest.raises(TrainingError, match="another model"):
        begun(Training(epochs=1, batch_tokens=64), Checkpoints(path, {}))


def kept_twice(folder: Path) -> Checkpoints:
    kept = Checkpoints(folder, {"data": "a"}, {"precision": "fp32"})
    for update in (1, 2, 3):
        kept.write(CheckpointState({"update": update, "best": 50.5}, {"x": torch.full((100,), float(update))}))
    assert sorted(path.name for path in folder.iterdir()) == [
        f"0000000{update}.{ending}" for update in (2, 3) for ending in ("json", "safetensors")
    ]
    return kept


def bit_flipped(path: Path, at: float) -> None:
    data = bytearray(path.read_bytes())
    data[int(at * (len(data) - 1))] ^= 1
    path.write_bytes(data)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-3]),
    "empty": lambda path: path.write_bytes(b""),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "gone": Path.unlink,
    "a bit at the start": lambda path: bit_flipped(path, 0.02),
    "a bit in the middle": lambda path: bit_flipped(path, 0.5),
    "a bit at the end": lambda path: bit_flipped(path, 0.97),
}


@pytest.mark.parametrize("ending", ["json", "safetensors"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_set_aside_for_the_one_before(damage: str, ending: str, tmp_path: Path) -> None:
    kept = kept_twice(tmp_path)
    DAMAGES[damage](tmp_path / f"00000003.{ending}")
    read = kept.read()
    assert read and read.update == 2 and torch.equal(read.tensors["x"], torch.full((100,), 2.0))
    if (damage, ending) != ("gone", "json"):  # what has no manifest was never finished
        assert [finding.level for finding in kept.findings] == ["warning"]
        assert "after update 3 is damaged and was set aside" in kept.findings[0].what
        assert (tmp_path / "damaged-00000003.json").exists()
    for path in tmp_path.glob("0*"):
        path.write_bytes(b"{}")
    assert kept.read() is None, "nothing is left: training begins anew"
    kept.remove()
    assert not tmp_path.exists()


def test_another_precision_is_told(tmp_path: Path) -> None:
    kept_twice(tmp_path)
    other = Checkpoints(tmp_path, {"data": "a"}, {"precision": "bf16"})
    assert other.read()
    assert [finding.what for finding in other.findings] == [
        "training began with precision fp32 and is resumed with bf16: its last digits may differ"
    ]


@pytest.mark.usefixtures("eager")
def test_a_place_that_cannot_be_written_does_not_stop_training(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    checkpoints = Checkpoints(tmp_path / "file" / "kept", {})
    _, steps = begun(Training(epochs=1, batch_tokens=64), checkpoints)
    assert len(steps) == 4
    assert "file" in checkpoints.fault


def test_a_loss_that_is_not_finite_stops_at_once() -> None:
    model = nn.Linear(2, 2)
    objective = Signs(model, poison=3)
    settings = Training(epochs=2, batch_tokens=64)
    with pytest.raises(TrainingError, match="update 3  the loss is not a finite number"):
        list(train(model, objective, settings, accelerator=Accelerator(cpu=True), micro_batch_tokens=10_000))
    assert all(torch.isfinite(weight).all() for weight in model.parameters())
