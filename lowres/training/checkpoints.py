"""Where training stands, on disk, so that it can go on after a power cut as if nothing had happened."""

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
SHARE = 0.02  # of the training time that writing may take


@dataclass(frozen=True)
class CheckpointState:
    """All that a training needs to go on: counts and the like by name, tensors by name."""

    facts: Mapping[str, Any]
    tensors: Mapping[str, Tensor]

    @property
    def update(self) -> int:
        """How many updates are done."""
        return int(self.facts["update"])


class Checkpoints:
    """The last checkpoint of a training: one file, put in place whole.

    `origin` says what the training rests on; the checkpoint of another is refused. The first is written after a minute; writing
    takes no more than SHARE of the time. A full disk does not stop a training: `fault` then says why nothing was written.
    """

    def __init__(self, path: Path, origin: Mapping[str, str]) -> None:
        self.path, self.origin, self.fault = path, origin, ""
        self.pause, self.written = EVERY_SECONDS, time.monotonic()

    @property
    def due(self) -> bool:
        """Whether it is time to write."""
        return not self.fault and time.monotonic() - self.written >= self.pause

    def write(self, checkpoint_state: CheckpointState) -> None:
        """Replace the last checkpoint by this one."""
        begun = time.monotonic()
        draft = self.path.with_suffix(".part")
        about = {"origin": json.dumps(self.origin), "facts": json.dumps(checkpoint_state.facts)}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            save_file(
                {name: tensor.detach().cpu().contiguous() for name, tensor in checkpoint_state.tensors.items()},
                draft,
                about,
            )
            with draft.open("rb+") as file:
                os.fsync(file.fileno())
            draft.replace(self.path)
        except (OSError, SafetensorError) as error:  # safetensors has a name of its own for a full disk
            self.fault = str(error)
            with suppress(OSError):
                draft.unlink()
        self.written = time.monotonic()
        self.pause = max(EVERY_SECONDS, (self.written - begun) / SHARE)

    def read(self) -> CheckpointState | None:
        """The last checkpoint, or none. Raises TrainingError where it is damaged or belongs to another experiment."""
        if not self.path.exists():
            return None
        try:
            with safe_open(self.path, framework="pt") as file:
                about = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.offset_keys()}
                facts, origin = json.loads(about["facts"]), json.loads(about["origin"])
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise TrainingError(
                Problem(str(self.path), f"cannot be read: {error}", "begin anew with --restart")
            ) from error
        other = [name for name in self.origin if origin.get(name) != self.origin[name]]
        if other:
            raise TrainingError(
                Problem(
                    str(self.path),
                    f"was written with other {' and '.join(other)} than there is now",
                    "begin anew with --restart, or name another folder with --out",
                )
            )
        return CheckpointState(facts, tensors)

    def remove(self) -> None:
        """Training is over and its result kept."""
        self.path.unlink(missing_ok=True)
        if self.path.parent.is_dir() and not any(self.path.parent.iterdir()):
            self.path.parent.rmdir()
