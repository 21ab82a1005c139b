"""The training loop: a generator of steps, independent of tasks, files and terminals."""

import math
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from lowres.errors import Problem, TrainingError
from lowres.recipe.training_section import Training
from lowres.training.batches import plan_batches
from lowres.training.checkpoints import Checkpoints, CheckpointState
from lowres.training.memory import release_memory
from lowres.training.state import NO_CALLBACKS, Callbacks, TrainerState

LOWER_RATE = "halve training.learning_rate and run again"
RELEASE_EVERY = 20  # updates between two releases of free memory


class Objective(Protocol):
    """What a task gives the loop: the lengths of its examples, their loss, and a score to choose weights by."""

    @property
    def lengths(self) -> Sequence[int]:
        """The number of tokens of each training example."""

    @property
    def rows(self) -> Callable[[int], Sequence[int]]:
        """The numbers of the training examples of an epoch (0, 1, …); one may occur more than once."""

    def loss(self, rows: Sequence[int], epoch: int) -> tuple[Tensor, int]:
        """The loss of these training examples in this epoch, summed over their targets, a scalar with a gradient; and how many targets
        (tokens or labels) there are, so that the mean of a batch does not depend on how it is divided into micro-batches.
        """

    def score(self) -> float:
        """The primary metric on dev, 0–100, higher is better."""


@dataclass(frozen=True)
class Step:
    """One update of the weights.

    `dev` is the score on dev where it was computed; `best` says that it is the highest so far; `stopped`, that training ends early.
    `seconds` is the training time so far without scoring; `examples` and `tokens` are counted from the start.
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


@dataclass(frozen=True)
class PlannedStep:
    """The examples of one update, its epoch, how many epochs are done after it, and whether dev is then scored."""

    rows: Sequence[int]
    epoch: int
    epochs_done: float
    evaluates: bool


def train(
    model: nn.Module, objective: Objective, settings: Training, *, accelerator: Accelerator, micro_batch_tokens: int,
    callbacks: Callbacks = NO_CALLBACKS, begun: CheckpointState | None = None, checkpoints: Checkpoints | None = None,
) -> Generator[Step, None, None]:  # fmt: skip
    """Train the trainable weights of `model`; when the generator ends, the model has the weights that scored best on dev.

    AdamW (Loshchilov and Hutter 2019) with linear warm-up and decay and clipped gradients. A batch larger than
    `micro_batch_tokens` is divided into micro-batches whose gradients are accumulated. Training resumes from the state `begun`, if
    given, exactly as if it had not been interrupted, and writes its own state to `checkpoints`. Raises TrainingError as soon as a loss
    or a gradient is not finite.
    """
    plan = plan_steps(objective, settings)
    trainer = TrainerState(model, settings, accelerator, callbacks, len(plan))
    if begun:
        trainer.resume(begun)
    while trainer.update < len(plan) and trainer.best.since < settings.patience:
        planned, started = plan[trainer.update], time.monotonic()
        learning_rate = trainer.schedule_learning_rate()
        loss = _update(model, objective, planned, trainer, settings.max_grad_norm, accelerator, micro_batch_tokens)
        trainer.update += 1
        trainer.examples += len(planned.rows)
        trainer.tokens += sum(objective.lengths[row] for row in planned.rows)
        callbacks.on_update(trainer.update, len(plan))
        if trainer.update % RELEASE_EVERY == 0 or planned.evaluates:
            release_memory()
        trainer.seconds += time.monotonic() - started
        dev = None
        if planned.evaluates:
            scoring_started = time.monotonic()
            dev = objective.score()
            trainer.best.consider(dev, trainer.update)
            trainer.seconds_on_dev += time.monotonic() - scoring_started
        step = Step(
            update=trainer.update, updates=len(plan), epoch=planned.epochs_done, loss=loss, learning_rate=learning_rate,
            examples=trainer.examples, tokens=trainer.tokens, seconds=trainer.seconds, seconds_on_dev=trainer.seconds_on_dev,
            dev=dev, best=dev is not None and trainer.best.update == trainer.update,
            stopped=trainer.best.since >= settings.patience and trainer.update < len(plan),
        )  # fmt: skip
        try:
            yield step
        except GeneratorExit:  # whoever watches has stopped, and can resume just here
            if checkpoints:
                checkpoints.write(trainer.checkpoint_state)
            raise
        if checkpoints and (checkpoints.due or step.stopped or trainer.update == len(plan)):
            checkpoints.write(trainer.checkpoint_state)
    trainer.best.restore()


def plan_steps(objective: Objective, settings: Training) -> list[PlannedStep]:
    """All updates of a training; a pure function of its arguments."""
    plan = []
    for epoch in range(settings.epochs):
        rows = objective.rows(epoch)
        batches = plan_batches(objective.lengths, settings.batch_tokens, settings.seed, epoch, rows)
        evaluations = _evaluation_marks(len(batches), settings.evaluations_per_epoch)
        plan += [
            PlannedStep(batch, epoch, epoch + number / len(batches), number in evaluations)
            for number, batch in enumerate(batches, start=1)
        ]
    return plan


def _update(
    model: nn.Module, objective: Objective, planned: PlannedStep, trainer: TrainerState, max_grad_norm: float,
    accelerator: Accelerator, micro_batch_tokens: int,
) -> float:  # fmt: skip
    model.train()
    trainer.optimizer.zero_grad()
    total, targets = torch.zeros((), device=accelerator.device), 0
    for micro_batch in _micro_batches(planned.rows, objective.lengths, micro_batch_tokens):
        loss, count = objective.loss(micro_batch, planned.epoch)
        accelerator.backward(loss)
        total, targets = total + loss.detach(), targets + count
    for weight in trainer.weights.values():
        if weight.grad is not None:
            weight.grad /= max(1, targets)
    if trainer.callbacks.penalty:
        accelerator.backward(trainer.callbacks.penalty())
    norm = accelerator.clip_grad_norm_(list(trainer.weights.values()), max_grad_norm)
    mean = float(total) / max(1, targets)
    for what, value in (("loss", mean), ("gradient", float(norm))):
        if not math.isfinite(value):
            fault = Problem(f"update {trainer.update + 1}", f"the {what} is not a finite number", LOWER_RATE)
            raise TrainingError(fault)
    trainer.optimizer.step()
    return mean


def _evaluation_marks(batches: int, times: int) -> set[int]:
    return {max(1, round(batches * (number + 1) / times)) for number in range(times)}


def _micro_batches(rows: Sequence[int], lengths: Sequence[int], budget: int) -> list[list[int]]:
    size = max(1, budget // max(lengths[row] for row in rows))
    return [list(rows[start : start + size]) for start in range(0, len(rows), size)]
