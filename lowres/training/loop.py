"""The training loop: a generator of steps, independent of tasks, files and terminals."""

import math
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from lowres.errors import Finding, Problem, TrainingError
from lowres.recipe.training_section import Training
from lowres.training.batches import plan_batches
from lowres.training.checkpoints import Checkpoints, CheckpointState
from lowres.training.memory import out_of_memory, release_memory
from lowres.training.state import (
    LOWER_RATE,
    NO_CALLBACKS,
    Callbacks,
    DivergenceError,
    TrainerState,
    random_state,
    set_random_state,
)

LAST_STEP = "step"  # in the facts of a checkpoint: the step that led to it
RETRY_FACTOR = 0.5  # of the learning rate, once, after a training diverged
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
    given, exactly as if it had not been interrupted, and writes its own state to `checkpoints`. Where a loss, a gradient or a weight
    is not finite, it goes back to the last checkpoint once, with half the learning rate: the next step is then the one after that
    checkpoint. Raises TrainingError where that does not help, and where the memory does not suffice for one example.
    """
    plan = plan_steps(objective, settings)
    trainer = TrainerState(model, settings, accelerator, callbacks, len(plan), micro_batch_tokens)
    if begun:
        trainer.resume(begun)
    elif checkpoints:
        checkpoints.write(trainer.checkpoint_state)  # what a training that diverges early goes back to
    while trainer.update < len(plan) and trainer.best.since < settings.patience:
        try:
            step = _step(model, objective, plan, trainer, settings, accelerator)
        except DivergenceError as error:
            _go_back(trainer, checkpoints, error)
            continue
        try:
            yield step
        except GeneratorExit:  # whoever watches has stopped, and can resume just here
            if checkpoints and trainer.finite:
                checkpoints.write(_state_after(step, trainer))
            raise
        if checkpoints and (checkpoints.due or step.stopped or trainer.update == len(plan)) and trainer.finite:
            checkpoints.write(_state_after(step, trainer))
    trainer.best.restore()


def _state_after(step: Step, trainer: TrainerState) -> CheckpointState:
    """The state to resume from, and the step that led to it."""
    state = trainer.checkpoint_state
    return CheckpointState({**state.facts, LAST_STEP: vars(step)}, state.tensors)


def _step(
    model: nn.Module, objective: Objective, plan: Sequence[PlannedStep], trainer: TrainerState, settings: Training,
    accelerator: Accelerator,
) -> Step:  # fmt: skip
    """One update, and the score on dev where it is due."""
    planned, started = plan[trainer.update], time.monotonic()
    learning_rate = trainer.schedule_learning_rate()
    loss = _update(model, objective, planned, trainer, settings.max_grad_norm, accelerator)
    trainer.update += 1
    trainer.examples += len(planned.rows)
    trainer.tokens += sum(objective.lengths[row] for row in planned.rows)
    trainer.callbacks.on_update(trainer.update, len(plan))
    if trainer.update % RELEASE_EVERY == 0 or planned.evaluates:
        release_memory()
    trainer.seconds += time.monotonic() - started
    dev = None
    if planned.evaluates:
        scoring_started = time.monotonic()
        dev = objective.score()
        trainer.best.consider(dev, trainer.update)
        trainer.seconds_on_dev += time.monotonic() - scoring_started
    return Step(
        update=trainer.update, updates=len(plan), epoch=planned.epochs_done, loss=loss, learning_rate=learning_rate,
        examples=trainer.examples, tokens=trainer.tokens, seconds=trainer.seconds, seconds_on_dev=trainer.seconds_on_dev,
        dev=dev, best=dev is not None and trainer.best.update == trainer.update,
        stopped=trainer.best.since >= settings.patience and trainer.update < len(plan),
    )  # fmt: skip


def _go_back(trainer: TrainerState, checkpoints: Checkpoints | None, error: DivergenceError) -> None:
    """Return to the last checkpoint with half the learning rate, once. Raises the error where that was tried, or there is none."""
    before = checkpoints.read() if checkpoints and trainer.rate_factor == 1.0 else None
    if before is None or checkpoints is None:
        raise error
    trainer.resume(before)
    trainer.rate_factor = RETRY_FACTOR
    (problem,) = error.problems
    what = f"{problem.what}: training went back to update {trainer.update}, and on with half the learning rate"
    checkpoints.findings.append(Finding("warning", what, problem.where))


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
    accelerator: Accelerator,
) -> float:  # fmt: skip
    """Change the weights by the gradient of a batch; returns its mean loss. Raises DivergenceError before a weight is changed."""
    model.train()
    mean = _gradient(model, objective, planned, trainer, accelerator)
    norm = accelerator.clip_grad_norm_(list(trainer.weights.values()), max_grad_norm)
    for what, value in (("loss", mean), ("gradient", float(norm))):
        if not math.isfinite(value):
            fault = Problem(f"update {trainer.update + 1}", f"the {what} is not a finite number", LOWER_RATE)
            raise DivergenceError(fault)
    trainer.optimizer.step()
    return mean


def _gradient(
    model: nn.Module, objective: Objective, planned: PlannedStep, trainer: TrainerState, accelerator: Accelerator
) -> float:
    """Set the gradients of a batch; returns its mean loss. Where memory does not suffice, it is divided into smaller parts.

    Raises TrainingError where not even a single example fits.
    """
    dice = random_state(trainer.weights.values())
    while True:
        try:
            return _accumulated(model, objective, planned, trainer, accelerator)
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            longest = max(objective.lengths[row] for row in planned.rows)
            if trainer.micro_batch_tokens // 2 < longest or len(planned.rows) == 1:
                what = f"the memory does not suffice for one example of {longest} tokens"
                hint = "a smaller training.max_length, a smaller base, or a method that trains fewer weights needs less"
                raise TrainingError(Problem(f"update {trainer.update + 1}", what, hint)) from None
        trainer.micro_batch_tokens //= 2
        trainer.optimizer.zero_grad()
        release_memory()
        set_random_state(dice)


def _accumulated(
    model: nn.Module, objective: Objective, planned: PlannedStep, trainer: TrainerState, accelerator: Accelerator
) -> float:
    trainer.optimizer.zero_grad()
    total, targets = torch.zeros((), device=accelerator.device), 0
    for micro_batch in _micro_batches(planned.rows, objective.lengths, trainer.micro_batch_tokens):
        loss, count = objective.loss(micro_batch, planned.epoch)
        accelerator.backward(loss)
        total, targets = total + loss.detach(), targets + count
    for weight in trainer.weights.values():
        if weight.grad is not None:
            weight.grad /= max(1, targets)
    if trainer.callbacks.penalty:
        accelerator.backward(trainer.callbacks.penalty())
    return float(total) / max(1, targets)


def _evaluation_marks(batches: int, times: int) -> set[int]:
    return {max(1, round(batches * (number + 1) / times)) for number in range(times)}


def _micro_batches(rows: Sequence[int], lengths: Sequence[int], budget: int) -> list[list[int]]:
    size = max(1, budget // max(lengths[row] for row in rows))
    return [list(rows[start : start + size]) for start in range(0, len(rows), size)]
