"""Checkpoints on disk, from which an interrupted training goes on exactly as if it had not been interrupted."""

import hashlib
import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from lowres.atomic import PART, is_draft, sync, write_whole
from lowres.errors import Finding, Problem, TrainingError
from lowres.hashing import file_sha256

EVERY_SECONDS = 60.0
SHARE = 0.02  # of the training time that writing checkpoints may take
KEPT = 2
DAMAGED = "damaged-"  # how the names of files begin that were set aside
ENDED = "-done"  # how the name of the folder ends that holds what a training has led to
TENSORS, MANIFEST = ".safetensors", ".json"
SEAL = "seal"  # in a manifest: the digest of all else in it


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
    """The last two checkpoints of a training in a folder, named by their updates.

    Each is a file of tensors and a manifest with its size, its SHA-256, the numbers of the state and its origin. The manifest is
    written last, when the tensors are on the disk: what has none is not a checkpoint. `origin` says what the training depends on
    (recipe, data, base, version); a checkpoint with another origin is refused. `machine` says on what it runs: a difference is told,
    since it changes the last digits. After that of the start, one is due after EVERY_SECONDS, and writing takes no more than SHARE of
    the time. A full disk does not stop the training: `fault` then says why nothing was written. `findings` tell what was
    found when reading.
    """

    def __init__(self, folder: Path, origin: Mapping[str, str], machine: Mapping[str, str] | None = None) -> None:
        self.folder, self.origin, self.machine, self.fault = folder, origin, dict(machine or {}), ""
        self.pause, self.written = EVERY_SECONDS, time.monotonic()
        self.findings: list[Finding] = []

    @property
    def due(self) -> bool:
        """Whether it is time to write."""
        return not self.fault and time.monotonic() - self.written >= self.pause

    def write(self, checkpoint_state: CheckpointState) -> None:
        """Write this state beside the last one. Where both do not fit the disk, the older is given up for it."""
        begun = time.monotonic()
        try:
            try:
                self._write(checkpoint_state)
            except (OSError, SafetensorError):
                if len(older := manifests(self.folder)) < KEPT:
                    raise
                _remove(older[-1])
                self._write(checkpoint_state)
        except (OSError, SafetensorError) as error:  # safetensors raises its own error for a full disk
            self.fault = str(error)
        for manifest in manifests(self.folder)[KEPT:]:
            _remove(manifest)
        self.written = time.monotonic()
        self.pause = max(EVERY_SECONDS, (self.written - begun) / SHARE)

    def _write(self, checkpoint_state: CheckpointState) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{checkpoint_state.update:08d}{TENSORS}"
        draft = path.with_suffix(PART)
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in checkpoint_state.tensors.items()}
        try:
            save_file(tensors, draft)
            size, digest = draft.stat().st_size, file_sha256(draft)
            sync(draft)
            path.with_suffix(MANIFEST).unlink(missing_ok=True)  # of the same update, when it was made before
            draft.replace(path)
        finally:
            with suppress(OSError):
                draft.unlink()
        facts = {
            "bytes": size, "sha256": digest, "origin": dict(self.origin), "machine": self.machine,
            "state": dict(checkpoint_state.facts),
        }  # fmt: skip
        text = json.dumps({**facts, SEAL: _seal(facts)}, indent=1)
        write_whole(path.with_suffix(MANIFEST), f"{text}\n")

    def read(self) -> CheckpointState | None:
        """The newest checkpoint that is whole, or None. Damaged ones are set aside, which `findings` tell.

        Raises TrainingError where it belongs to another experiment.
        """
        for manifest in manifests(self.folder):
            try:
                facts = _verified(manifest)
                state = CheckpointState(facts["state"], load_file(manifest.with_suffix(TENSORS)))
                origin, machine = dict(facts["origin"]), dict(facts["machine"])
            except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
                self._set_aside(manifest, str(error))
                continue
            self._refuse_other(manifest, origin)
            self._tell_other(machine)
            return state
        return None

    def _refuse_other(self, manifest: Path, origin: Mapping[str, str]) -> None:
        other = [name for name in self.origin if origin.get(name) != self.origin[name]]
        if other:
            raise TrainingError(
                Problem(
                    str(manifest),
                    f"was written with other {' and '.join(other)} than there is now",
                    "bring it back as it was, or start again: with --restart, or in another folder with --out",
                )
            )

    def _tell_other(self, machine: Mapping[str, str]) -> None:
        for name, now in self.machine.items():
            if machine.get(name, now) != now:
                what = (
                    f"training began with {name} {machine[name]} and is resumed with {now}: its last digits may differ"
                )
                self.findings.append(Finding("warning", what, self.folder.name))

    def _set_aside(self, manifest: Path, why: str) -> None:
        for path in (manifest, manifest.with_suffix(TENSORS)):
            with suppress(OSError):
                path.replace(path.with_name(DAMAGED + path.name))
        what = f"the checkpoint after update {int(manifest.stem)} is damaged and was set aside: {why}"
        self.findings.append(Finding("warning", what, f"{self.folder.name}/{DAMAGED}{manifest.name}"))

    def remove(self) -> None:
        """Delete all checkpoints: training is over and its result has been saved."""
        remove_checkpoints(self.folder)


def manifests(folder: Path) -> list[Path]:
    """The manifests of a folder, that of the most updates first."""
    return sorted((path for path in folder.glob(f"*{MANIFEST}") if path.stem.isdecimal()), reverse=True)


def newest_origin(folder: Path) -> tuple[int, Mapping[str, str]]:
    """The update and the origin of the newest checkpoint whose manifest can be read; -1 and nothing where there is none.

    The trainings of a run with stages have folders of their own inside this one; one that goes on comes before those that have ended.
    """
    found = [manifest for place in (folder, *_inner(folder)) for manifest in manifests(place)]
    going_on = lambda manifest: (not manifest.parent.name.endswith(ENDED), int(manifest.stem))  # noqa: E731
    for manifest in sorted(found, key=going_on, reverse=True):
        with suppress(OSError, ValueError, KeyError, TypeError):
            return int(manifest.stem), dict(json.loads(manifest.read_bytes())["origin"])
    return -1, {}


def goes_on(folder: Path) -> bool:
    """Whether a training was cut off whose checkpoints are in this folder, or in one inside it."""
    return any(manifests(place) for place in (folder, *_inner(folder)) if not place.name.endswith(ENDED))


def remove_checkpoints(folder: Path) -> None:
    """Delete the checkpoints of a folder, what is left of half-written and damaged ones, and the folder if nothing else is in it."""
    if not folder.is_dir() or folder.is_symlink():
        return
    for inner in _inner(folder):
        remove_checkpoints(inner)
    for path in (*manifests(folder), *folder.iterdir()):  # no manifest stays without its tensors
        if path.suffix in (TENSORS, MANIFEST, PART) or is_draft(path):
            path.unlink(missing_ok=True)
    if not any(folder.iterdir()):
        folder.rmdir()


def _inner(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_dir() and not path.is_symlink()] if folder.is_dir() else []


def _verified(manifest: Path) -> Mapping[str, Any]:
    """The facts of a manifest. Raises ValueError or OSError where the tensors are not those that it names."""
    facts: dict[str, Any] = json.loads(manifest.read_bytes())
    if facts.pop(SEAL) != _seal(facts):
        raise ValueError("its manifest is not the one that was written")
    path = manifest.with_suffix(TENSORS)
    if path.stat().st_size != facts["bytes"]:
        raise ValueError(f"it has {path.stat().st_size:,} bytes, not {facts['bytes']:,}")
    if file_sha256(path) != facts["sha256"]:
        raise ValueError("its bytes are not those that were written")
    if int(facts["state"]["update"]) != int(manifest.stem):
        raise ValueError("it is of another update")
    return facts


def _seal(facts: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _remove(manifest: Path) -> None:
    for path in (manifest, manifest.with_suffix(TENSORS)):
        path.unlink(missing_ok=True)
