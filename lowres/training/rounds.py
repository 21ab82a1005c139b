"""Training that goes on: a further round over other rows, from the weights that were best so far."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from accelerate import Accelerator
from torch import nn

from lowres.recipe.sections import Training
from lowres.training.loop import Objective, Step, train
from lowres.training.state import Best, Callbacks


def best_on_dev(steps: Sequence[Step]) -> Step | None:
    """The first step with the highest score; None where dev was never scored."""
    return max((step for step in steps if step.dev is not None), key=lambda step: step.dev or 0.0, default=None)


def train_on(
    model: nn.Module, objective: Objective | None, settings: Training, before: Sequence[Step], *, accelerator: Accelerator,
    micro_batch_tokens: int, callbacks: Callbacks,
) -> Iterator[Step]:  # fmt: skip
    """Go on after these steps, with a new optimizer and learning rates that rise and fall anew; the steps count on from the last.

    `model` holds the weights that were best so far, and when the generator ends, those that were best of all: they change only if
    dev is higher than ever before. No step without an objective. Raises TrainingError as `train` does.
    """
    if objective is None:
        return
    best, last, record = Best(model), before[-1], best_on_dev(before)
    top = -1.0 if record is None or record.dev is None else record.dev
    best.consider(top, last.update)
    again = train(
        model, objective, settings, accelerator=accelerator, micro_batch_tokens=micro_batch_tokens, callbacks=callbacks
    )
    for step in again:
        higher = step.dev is not None and step.dev > top
        top = step.dev if higher and step.dev is not None else top
        yield replace(
            step, update=last.update + step.update, updates=last.update + step.updates, epoch=last.epoch + step.epoch,
            examples=last.examples + step.examples, tokens=last.tokens + step.tokens, seconds=last.seconds + step.seconds,
            seconds_on_dev=last.seconds_on_dev + step.seconds_on_dev, best=higher,
        )  # fmt: skip
    if top == best.score:
        best.restore()
