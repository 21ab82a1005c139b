"""Room on the disk for what a run writes: looked at before training, and told in a line where it is lacking afterwards."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError
from torch import nn

from lowres.errors import Finding, ModelError, PlanError, Problem
from lowres.training.checkpoints import KEPT

BYTES = 4  # of a weight that is trained
COPIES = 4  # in a checkpoint: weights, best weights, and two moments of the optimizer
BESIDE = 32 << 20  # tokenizer, phrase table or n-grams, predictions, report
MIB = 1 << 20


def look_at_disk(folder: Path, model: nn.Module, *, merges: bool) -> list[Finding]:
    """A finding where there is no room for checkpoints. Raises PlanError where the trained model itself has none.

    With `merges` the whole model is written as well.
    """
    trained = BYTES * sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    needed = trained + BESIDE + (BYTES * sum(weight.numel() for weight in model.parameters()) if merges else 0)
    free = shutil.disk_usage(folder).free
    if free < needed:
        what = f"the disk has {free / MIB:,.0f} MiB left, and the trained model takes about {needed / MIB:,.0f} MiB"
        raise PlanError(Problem(str(folder), what, "make room, or name a folder on another disk with --out"))
    if free < needed + (KEPT + 1) * COPIES * trained:
        what = (
            f"the disk has {free / MIB:,.0f} MiB left, too little for checkpoints: what is interrupted may begin anew"
        )
        return [Finding("warning", what)]
    return []


@contextmanager
def saving(folder: Path) -> Iterator[None]:
    """Turns what a full disk raises into a ModelError: the trained weights are in the last checkpoint, and none are lost."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        reason = (getattr(error, "strerror", "") or str(error)).splitlines()[0]
        hint = "make room; the same command saves what was trained, from the last checkpoint"
        raise ModelError(Problem(str(folder), f"cannot be written: {reason}", hint)) from error
