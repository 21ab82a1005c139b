"""Room on the disk for what a run writes: looked at before training, and told in a line where it is lacking afterwards."""

import errno
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from torch import nn

from lowres.errors import Finding, ModelError, PlanError, Problem
from lowres.training.checkpoints import KEPT

BYTES = 4  # of a weight that is trained
COPIES = 4  # in a checkpoint: weights, best weights, and two moments of the optimizer
BESIDE = 32 << 20  # tokenizer, phrase table or n-grams, predictions, report
MIB = 1 << 20
UNWRITABLE = frozenset(
    (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO, errno.ENOTDIR)
)
_OS_ERROR = re.compile(r"\(os error (\d+)\)")  # as libraries written in Rust tell what the system says


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


@dataclass(frozen=True)
class Writing:
    """While entered, a ModelError in one line tells that the system does not write below `place`, with a remedy.

    Python raises OSError for that, and libraries written in Rust errors of no kind of their own.
    """

    place: Path
    hint: str

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Raise ModelError in the place of what the system or a library says."""
        told = _OS_ERROR.search(str(error)) if isinstance(error, Exception) else None
        number = error.errno if isinstance(error, OSError) else int(told[1]) if told else None
        if number in UNWRITABLE:
            what = f"cannot be written: {os.strerror(number)}"
            raise ModelError(Problem(str(self.place), what, self.hint)) from error


def saving(folder: Path) -> Writing:
    """Of a full disk while a trained model is saved: its weights are in the last checkpoint, and none are lost."""
    return Writing(folder, "make room; the same command saves what was trained, from the last checkpoint")
