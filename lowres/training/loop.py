"""The training loop: a generator of steps that knows nothing of tasks, files or terminals."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from accelerate import Accelerator
from torch import Tensor, nn

from lowres.errors import Problem, TrainingError
from lowres.recipe.sections import Training
from lowres.training.batches import plan_batches
from lowres.training.checkpoints import Checkpoints, CheckpointState
from lowres.training.memory import release_memory
from lowres.training.state import NO_CALLBACKS, Callbacks, TrainerState

TIDY = 20  # updates between two givings back


class Objective(Protocol):
    """What a task gives the loop: how long its rows are, their loss, and a score to choose by."""

    @property
    def lengths(self) -> Sequence[int]:
        """Tokens of each training row."""

    @property
    def rows(self) -> Callable[[int], Sequence[int]]:
        """The training rows of an epoch (0, 1, …), each of them once or more."""

    def loss(self, rows: Sequence[int], epoch: int) -> Tensor:
        """Mean loss of these training rows as they are shown in this epoch, a scalar with a gradient."""

    def score(self) -> float:
        """Headline score on dev, 0–100, higher is better."""


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


@dataclass(frozen=True)
class PlannedStep:
    """The rows of one update, the epochs that are done after it, and whether dev is then scored."""

    rows: Sequence[int]
    epoch: int
    done: float
    judged: bool


def train(
    model: nn.Module, objective: Objective, settings: Training, *, accelerator: Accelerator, micro_batch_tokens: int,
    callbacks: Callbacks = NO_CALLBACKS, begun: CheckpointState | None = None, checkpoints: Checkpoints | None = None,
) -> Iterator[Step]:  # fmt: skip
    """Fit the trainable weights of `model`; when the generator ends, it holds the weights that scored best on dev.

    AdamW (Loshchilov and Hutter 2019) with linear warm-up and decay and clipped gradients. A batch larger than
    `micro_batch_tokens` is passed through in parts whose gradients are added. A training that has `begun` goes on from there, exactly
    as it would have gone on; where it stands is written to `checkpoints`. Raises TrainingError as soon as a loss is not finite.
    """
    turns = plan_steps(objective, settings)
    trainer = TrainerState(model, settings, accelerator, callbacks, len(turns))
    if begun:
        trainer.resume(begun)
    while trainer.update < len(turns) and trainer.best.since < settings.patience:
        turn, started = turns[trainer.update], time.monotonic()
        learning_rate = trainer.warm()
        loss = _update(model, objective, turn, trainer, settings.max_grad_norm, accelerator, micro_batch_tokens)
        trainer.update += 1
        trainer.examples += len(turn.rows)
        trainer.tokens += sum(objective.lengths[row] for row in turn.rows)
        callbacks.on_update(trainer.update, len(turns))
        if trainer.update % TIDY == 0 or turn.judged:
            release_memory()
        trainer.seconds += time.monotonic() - started
        dev = None
        if turn.judged:
            asked = time.monotonic()
            dev = objective.score()
            trainer.best.consider(dev, trainer.update)
            trainer.seconds_on_dev += time.monotonic() - asked
        step = Step(
            update=trainer.update, updates=len(turns), epoch=turn.done, loss=loss, learning_rate=learning_rate,
            examples=trainer.examples, tokens=trainer.tokens, seconds=trainer.seconds, seconds_on_dev=trainer.seconds_on_dev,
            dev=dev, best=dev is not None and trainer.best.update == trainer.update,
            stopped=trainer.best.since >= settings.patience and trainer.update < len(turns),
        )  # fmt: skip
        try:
            yield step
        except GeneratorExit:  # whoever watches has stopped, and can resume just here
            if checkpoints:
                checkpoints.write(trainer.checkpoint_state)
            raise
        if checkpoints and (checkpoints.due or step.stopped or trainer.update == len(turns)):
            checkpoints.write(trainer.checkpoint_state)
    trainer.best.restore()


def plan_steps(objective: Objective, settings: Training) -> list[PlannedStep]:
    """All the updates of a training, the same for the same arguments."""
    turns = []
    for epoch in range(settings.epochs):
        rows = objective.rows(epoch)
        batches = plan_batches(objective.lengths, settings.batch_tokens, settings.seed, epoch, rows)
        marks = _evaluation_marks(len(batches), settings.evaluations_per_epoch)
        turns += [
            PlannedStep(batch, epoch, epoch + number / len(batches), number in marks)
            for number, batch in enumerate(batches, start=1)
        ]
    return turns


def _update(
    model: nn.Module, objective: Objective, turn: PlannedStep, trainer: TrainerState, clip: float, accelerator: Accelerator,
    micro_batch_tokens: int,
) -> float:  # fmt: skip
    model.train()
    trainer.optimizer.zero_grad()
    total = 0.0
    for part in _parts(turn.rows, objective.lengths, micro_batch_tokens):
        loss = objective.loss(part, turn.epoch) * (len(part) / len(turn.rows))
        total += float(loss.detach())
        if not math.isfinite(total):
            raise TrainingError(
                Problem(
                    f"update {trainer.update + 1}",
                    "the loss is not a finite number",
                    "halve training.learning_rate and run again",
                )
            )
        accelerator.backward(loss)
    if trainer.callbacks.penalty:
        accelerator.backward(trainer.callbacks.penalty())
    accelerator.clip_grad_norm_(list(trainer.weights.values()), clip)
    trainer.optimizer.step()
    return total


def _evaluation_marks(batches: int, times: int) -> set[int]:
    return {max(1, round(batches * (part + 1) / times)) for part in range(times)}


def _parts(rows: Sequence[int], lengths: Sequence[int], budget: int) -> list[list[int]]:
    size = max(1, budget // max(lengths[row] for row in rows))
    return [list(rows[start : start + size]) for start in range(0, len(rows), size)]
