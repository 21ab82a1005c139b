"""A PEFT adapter in a base's place: what it says of itself, before PEFT reads it. Imports nothing heavy."""

import re
from dataclasses import dataclass
from pathlib import Path

from lowres.errors import ModelError, Problem
from lowres.models.weight_files import read_json

CONFIG, WEIGHTS, PICKLED_WEIGHTS = "adapter_config.json", "adapter_model.safetensors", "adapter_model.bin"
MERGEABLE = ("LORA", "OFT", "IA3")  # kinds whose update of a weight is a matrix like it
COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class AdapterFolder:
    """A folder with an adapter. `over` is the model that it was trained over, as its adapter_config.json names it, and `revision`
    that model's commit on the hub, None where the file does not say one.
    """

    folder: Path
    over: str
    revision: str | None


def is_adapter(folder: Path) -> bool:
    """Whether a folder holds an adapter."""
    return (folder / CONFIG).is_file()


def read_adapter(folder: Path) -> AdapterFolder:
    """What an adapter says of itself. Raises ModelError where it cannot be merged into the model that it was trained over."""
    config = read_json(folder / CONFIG)
    kind, over, revision = (config.get(key) for key in ("peft_type", "base_model_name_or_path", "revision"))
    if (folder.parent / "model.json").is_file():
        what = "is the adapter of a run, whose tokens and embedding rows stand beside it"
        raise ModelError(Problem(str(folder), what, f"name the run itself: {folder.parent.parent}"))
    if kind not in MERGEABLE:
        what = (
            f"holds an adapter of the kind {kind!r:.40}, which cannot be merged here (possible: {', '.join(MERGEABLE)})"
        )
        raise ModelError(Problem(str(folder), what, "merge it with PEFT, if PEFT can, and name the merged folder"))
    if not isinstance(over, str) or not over or len(over) > 1000:
        what = "does not say which model the adapter was trained over (base_model_name_or_path)"
        raise ModelError(Problem(str(folder / CONFIG), what, "write that model's name or folder there"))
    if not (folder / WEIGHTS).is_file():
        pickled = (folder / PICKLED_WEIGHTS).is_file()
        what = f"holds {PICKLED_WEIGHTS}, a pickle, not {WEIGHTS}" if pickled else f"has no {WEIGHTS}"
        hint = "load it with PEFT and save it again (save_pretrained)" if pickled else "fetch the adapter again"
        raise ModelError(Problem(str(folder), what, hint))
    named = isinstance(revision, str) and COMMIT.fullmatch(revision)
    return AdapterFolder(folder, over, str(revision) if named else None)
