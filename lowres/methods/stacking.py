"""Language adapters under a task's adapter: that of the language being read (MAD-X, Pfeiffer et al. 2020, arXiv 2005.00052).

An adapter that pre-training left is loaded frozen beside the task's and passed through first; another language is read by
another adapter under the same task's, so that what was learned in one is used in the other.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from peft import PeftModel
from torch import nn

from lowres.errors import ModelError, Problem
from lowres.methods import adapters

MARK = "language_"  # what stands before a language's tag in the name of its adapter


def stack(model: Any, folders: Mapping[str, Path]) -> None:
    """Load each language's adapter, frozen; its names may be those of a model with a head, around the same encoder.

    Raises ModelError for one that does not fit.
    """
    for tag, folder in folders.items():
        adapters.load_beside(model, folder, MARK + tag)
    if folders:
        read_as(model, next(iter(folders)))


def languages_of(model: Any) -> tuple[str, ...]:
    """The languages that have an adapter of their own."""
    names = model.peft_config if isinstance(model, PeftModel) else ()
    return tuple(name.removeprefix(MARK) for name in names if name.startswith(MARK))


def read_as(model: Any, language: str | None) -> None:
    """Let texts in this language be read from now on; without adapters of languages nothing changes.

    Raises ModelError for a language without an adapter.
    """
    known = languages_of(model)
    if not known:
        return
    if language not in known:
        what = f"{language or 'a text of unknown language'} cannot be read: there is no adapter for it"
        raise ModelError(Problem("language", what, f"one of {', '.join(known)}"))
    wanted = [MARK + language, adapters.NAME]
    if model.base_model.active_adapters == wanted:
        return
    trains = [weight for weight in model.parameters() if weight.requires_grad]
    model.base_model.set_adapter(wanted)
    for weight in model.parameters():  # PEFT lets everything active train
        weight.requires_grad_(False)
    for weight in trains:
        weight.requires_grad_(True)


def save_stack(model: nn.Module, folder: Path, base: str) -> None:
    """Write the task's adapter and, each in a folder of its own, the languages'."""
    adapters.save(model, folder, base)
    for tag in languages_of(model):
        adapters.name_base(folder / (MARK + tag), base)


def restore_stack(model: nn.Module, folder: Path) -> nn.Module:
    """The model with the saved adapters, ready for use."""
    restored = adapters.restore(model, folder)
    stack(restored, {path.name.removeprefix(MARK): path for path in sorted(folder.glob(f"{MARK}*"))})
    return restored
