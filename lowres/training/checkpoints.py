"""Checkpoints on disk, from which an interrupted training goes on exactly as if it had not been interrupted."""

import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from lowres.errors import Problem, TrainingError

EVERY_SECONDS = 60.0
SHARE = 0.02  # of the training time that writing checkpoints may take


@dataclass(frozen=True)
class CheckpointState:
    """Everything that is needed to resume a training: numbers (`facts`) and tensors by name."""

    facts: Mapping[str, Any]
    tensors: Mapping[str, Tensor]

    @property
    def update(self) -> int:
        """How many updates have been done."""
        return int(self.facts["update"])


class Checkpoints:
    """The last checkpoint of a training: one file that is replaced atomically.

    `origin` says what the training depends on (data, base, version); a checkpoint with another origin is refused. The first is written
    after EVERY_SECONDS, and writing takes no more than SHARE of the time. A full disk does not stop the training: `fault` then says
    why nothing was written.
    """

    def __init__(self, path: Path, origin: Mapping[str, str]) -> None:
        self.path, self.origin, self.fault = path, origin, ""
        self.pause, self.written = EVERY_SECONDS, time.monotonic()

    @property
    def due(self) -> bool:
        """Whether it is time to write."""
        return not self.fault and time.monotonic() - self.written >= self.pause

    def write(self, checkpoint_state: CheckpointState) -> None:
        """Replace the last checkpoint by this state."""
        begun = time.monotonic()
        draft = self.path.with_suffix(".part")
        metadata = {"origin": json.dumps(self.origin), "facts": json.dumps(checkpoint_state.facts)}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            save_file(
                {name: tensor.detach().cpu().contiguous() for name, tensor in checkpoint_state.tensors.items()},
                draft,
                metadata,
            )
            with draft.open("rb+") as file:
                os.fsync(file.fileno())
            draft.replace(self.path)
        except (OSError, SafetensorError) as error:  # safetensors raises its own error for a full disk
            self.fault = str(error)
            with suppress(OSError):
                draft.unlink()
        self.written = time.monotonic()
        self.pause = max(EVERY_SECONDS, (self.written - begun) / SHARE)

    def read(self) -> CheckpointState | None:
        """The last checkpoint, or None. Raises TrainingError where it is damaged or belongs to another experiment."""
        if not self.path.exists():
            return None
        try:
            with safe_open(self.path, framework="pt") as file:
                metadata = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.offset_keys()}
                facts, origin = json.loads(metadata["facts"]), json.loads(metadata["origin"])
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise TrainingError(
                Problem(str(self.path), f"cannot be read: {error}", "start again with --restart")
            ) from error
        other = [name for name in self.origin if origin.get(name) != self.origin[name]]
        if other:
            raise TrainingError(
                Problem(
                    str(self.path),
                    f"was written with other {' and '.join(other)} than there is now",
                    "start again with --restart, or name another folder with --out",
                )
            )
        return CheckpointState(facts, tensors)

    def remove(self) -> None:
        """Delete the checkpoint: training is over and its result has been saved."""
        self.path.unlink(missing_ok=True)
        if self.path.parent.is_dir() and not any(self.path.parent.iterdir()):
            self.path.parent.rmdir()
