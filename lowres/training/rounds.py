"""Further rounds of training on other examples, from the best weights so far."""

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import replace

from torch import nn

from lowres.training.checkpoints import CheckpointState
from lowres.training.loop import Step
from lowres.training.state import Best


def best_on_dev(steps: Sequence[Step]) -> Step | None:
    """The first step with the highest score on dev; None where dev was never scored."""
    return max((step for step in steps if step.dev is not None), key=lambda step: step.dev or 0.0, default=None)


def further(
    model: nn.Module, steps: Generator[Step, None, None], before: Sequence[Step], begun: CheckpointState | None = None
) -> Generator[Step, None, None]:
    """The steps of a training of `model`, as those of a further round after the steps `before`: numbered on from them.

    Before the first step `model` must have the best weights so far. When the generator ends it has the best weights of all rounds:
    they change only where the score on dev is higher than ever before. `begun` is the state that the training resumes from.
    """
    best, last, best_step = Best(model), before[-1], best_on_dev(before)
    earlier = -1.0 if best_step is None or best_step.dev is None else best_step.dev
    best.consider(earlier, last.update)
    scores = {0: earlier}  # by update; what training has gone back behind does not count
    if begun and begun.facts["best"]:
        scores[begun.facts["best"]["update"]] = begun.facts["best"]["score"]
    with closing(steps):  # closed early, it writes a checkpoint
        for step in steps:
            scores = {update: score for update, score in scores.items() if update < step.update}
            higher = step.dev is not None and step.dev > max(scores.values())
            if step.dev is not None:
                scores[step.update] = step.dev
            yield replace(
                step, update=last.update + step.update, updates=last.update + step.updates, epoch=last.epoch + step.epoch,
                examples=last.examples + step.examples, tokens=last.tokens + step.tokens, seconds=last.seconds + step.seconds,
                seconds_on_dev=last.seconds_on_dev + step.seconds_on_dev, best=higher,
            )  # fmt: skip
    if max(scores.values()) == earlier:
        best.restore()
