"""Further rounds of training on other examples, from the best weights so far."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from accelerate import Accelerator
from torch import nn

from lowres.recipe.training_section import Training
from lowres.training.loop import Objective, Step, train
from lowres.training.state import Best, Callbacks


def best_on_dev(steps: Sequence[Step]) -> Step | None:
    """The first step with the highest score on dev; None where dev was never scored."""
    return max((step for step in steps if step.dev is not None), key=lambda step: step.dev or 0.0, default=None)


def train_further(
    model: nn.Module, objective: Objective | None, settings: Training, before: Sequence[Step], *, accelerator: Accelerator,
    micro_batch_tokens: int, callbacks: Callbacks,
) -> Iterator[Step]:  # fmt: skip
    """Train for a further round after the steps `before`, with a new optimizer and learning-rate schedule; steps are numbered on.

    `model` must have the best weights so far. When the generator ends it has the best weights of all rounds: they change only where
    the score on dev is higher than ever before. Without an objective there is no step. Raises TrainingError as `train` does.
    """
    if objective is None:
        return
    best, last, best_step = Best(model), before[-1], best_on_dev(before)
    highest = -1.0 if best_step is None or best_step.dev is None else best_step.dev
    best.consider(highest, last.update)
    further = train(
        model, objective, settings, accelerator=accelerator, micro_batch_tokens=micro_batch_tokens, callbacks=callbacks
    )
    for step in further:
        higher = step.dev is not None and step.dev > highest
        highest = step.dev if higher and step.dev is not None else highest
        yield replace(
            step, update=last.update + step.update, updates=last.update + step.updates, epoch=last.epoch + step.epoch,
            examples=last.examples + step.examples, tokens=last.tokens + step.tokens, seconds=last.seconds + step.seconds,
            seconds_on_dev=last.seconds_on_dev + step.seconds_on_dev, best=higher,
        )  # fmt: skip
    if highest == best.score:
        best.restore()
