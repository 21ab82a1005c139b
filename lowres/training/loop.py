"""The training loop: a generator of steps that knows nothing of tasks, files or terminals."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from lowres.errors import Problem, TrainingError
from lowres.recipe.sections import Training
from lowres.training.batches import plan_batches
from lowres.training.memory import give_back

TIDY = 20  # updates between two givings back


class Objective(Protocol):
    """What a task gives the loop: how long its rows are, their loss, and a score to choose by."""

    @property
    def lengths(self) -> Sequence[int]:
        """Tokens of each training row."""

    @property
    def rows(self) -> Callable[[int], Sequence[int]]:
        """The training rows of an epoch (0, 1, …), each of them once or more."""

    def loss(self, rows: Sequence[int]) -> Tensor:
        """Mean loss of these training rows, a scalar with a gradient."""

    def score(self) -> float:
        """Headline score on dev, 0–100, higher is better."""


def _steady(name: str) -> float:
    return 1.0


def _leave(done: int, updates: int) -> None:
    pass


@dataclass(frozen=True)
class Care:
    """What a method asks of training.

    `rate` is the factor of the learning rate of a weight, by its name; `tend` is told how many updates of how many are done, 0
    before the first; `penalty`, a scalar with a gradient, is added to the loss of each update.
    """

    rate: Callable[[str], float] = _steady
    tend: Callable[[int, int], None] = _leave
    penalty: Callable[[], Tensor] | None = None


@dataclass(frozen=True)
class Step:
    """One update. `dev` is set where dev was scored; `best` says that no earlier score was higher.

    `seconds` is training time so far without the scoring of dev; `examples` and `tokens` count from the start.
    """

    update: int
    updates: int
    epoch: float
    loss: float
    learning_rate: float
    examples: int
    tokens: int
    seconds: float
    seconds_on_dev: float
    dev: float | None = None
    best: bool = False
    stopped: bool = False


def train(
    model: nn.Module, objective: Objective, settings: Training, *, accelerator: Accelerator, micro_batch_tokens: int,
    care: Care = Care(),
) -> Iterator[Step]:  # fmt: skip
    """Fit the trainable weights of `model`; when the generator ends, it holds the weights that scored best on dev.

    AdamW (Loshchilov and Hutter 2019) with linear warm-up and decay and clipped gradients. A batch larger than
    `micro_batch_tokens` is passed through in parts whose gradients are added. Raises TrainingError as soon as a loss is not finite.
    """
    schedule = [
        plan_batches(objective.lengths, settings.batch_tokens, settings.seed, epoch, objective.rows(epoch))
        for epoch in range(settings.epochs)
    ]
    updates = sum(len(batches) for batches in schedule)
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(_groups(model, settings, care.rate), lr=settings.learning_rate)
    warmup = max(1, round(settings.warmup * updates))
    ramp = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda done: _share(done, warmup, updates))
    optimizer = accelerator.prepare(optimizer)
    best = Best(model)
    care.tend(0, updates)
    started, on_dev = time.monotonic(), 0.0
    update = examples = tokens = 0
    for epoch, batches in enumerate(schedule):
        marks = _evaluation_marks(len(batches), settings.evaluations_per_epoch)
        for number, rows in enumerate(batches, start=1):
            learning_rate = float(max(ramp.get_last_lr()))
            loss = _update(
                model, objective, rows, optimizer, weights, settings.clip, accelerator, micro_batch_tokens, update, care
            )
            care.tend(update + 1, updates)
            ramp.step()
            update, examples = update + 1, examples + len(rows)
            tokens += sum(objective.lengths[row] for row in rows)
            dev = None
            if update % TIDY == 0 or number in marks:
                give_back()
            if number in marks:
                asked = time.monotonic()
                dev = objective.score()
                on_dev += time.monotonic() - asked
                best.consider(dev, update)
            stop = best.since >= settings.patience
            yield Step(
                update=update, updates=updates, epoch=epoch + number / len(batches), loss=loss, learning_rate=learning_rate,
                examples=examples, tokens=tokens, seconds=time.monotonic() - started - on_dev, seconds_on_dev=on_dev,
                dev=dev, best=dev is not None and best.update == update, stopped=stop and update < updates,
            )  # fmt: skip
            if stop:
                best.restore()
                return
    best.restore()


class Best:
    """The trainable weights that scored highest on dev so far."""

    def __init__(self, model: nn.Module) -> None:
        self.score, self.update, self.since = -math.inf, 0, 0
        self.trained = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
        self.weights: dict[str, Tensor] = {}

    def consider(self, score: float, update: int) -> None:
        """Keep the present weights if `score` is higher than all before."""
        self.since += 1
        if score > self.score:
            self.score, self.update, self.since = score, update, 0
            self.weights = {name: weight.detach().to("cpu", copy=True) for name, weight in self.trained.items()}

    def restore(self) -> None:
        """Put the kept weights back into the model."""
        with torch.no_grad():
            for name, weight in self.weights.items():
                self.trained[name].copy_(weight)


def _update(
    model: nn.Module, objective: Objective, rows: Sequence[int], optimizer: torch.optim.Optimizer, weights: list[nn.Parameter],
    clip: float, accelerator: Accelerator, micro_batch_tokens: int, update: int, care: Care,
) -> float:  # fmt: skip
    model.train()
    optimizer.zero_grad()
    total = 0.0
    for part in _parts(rows, objective.lengths, micro_batch_tokens):
        loss = objective.loss(part) * (len(part) / len(rows))
        total += float(loss.detach())
        if not math.isfinite(total):
            raise TrainingError(
                Problem(
                    f"update {update + 1}",
                    "the loss is not a finite number",
                    "halve training.learning_rate and run again",
                )
            )
        accelerator.backward(loss)
    if care.penalty:
        accelerator.backward(care.penalty())
    accelerator.clip_grad_norm_(weights, clip)
    optimizer.step()
    return total


def _groups(model: nn.Module, settings: Training, rate: Callable[[str], float]) -> list[dict[str, object]]:
    """Biases and norms are not decayed; each group has one learning rate."""
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            key = settings.learning_rate * rate(name), settings.weight_decay if weight.ndim > 1 else 0.0
            groups.setdefault(key, []).append(weight)
    return [{"params": weights, "lr": peak, "weight_decay": decay} for (peak, decay), weights in groups.items()]


def _share(done: int, warmup: int, updates: int) -> float:
    """Share of the peak learning rate after `done` updates."""
    return min((done + 1) / warmup, max(0.0, (updates - done) / max(1, updates - warmup)), 1.0)


def _evaluation_marks(batches: int, times: int) -> set[int]:
    return {max(1, round(batches * (part + 1) / times)) for part in range(times)}


def _parts(rows: Sequence[int], lengths: Sequence[int], budget: int) -> list[list[int]]:
    size = max(1, budget // max(lengths[row] for row in rows))
    return [list(rows[start : start + size]) for start in range(0, len(rows), size)]
