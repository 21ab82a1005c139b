"""Language adapters stacked under a task adapter (MAD-X, Pfeiffer et al. 2020, arXiv 2005.00052).

A language adapter comes from a pre-training run. It is loaded frozen and applied before the task adapter. A text of another language
goes through another language adapter and the same task adapter, so that the task can be transferred between languages.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from lowres.errors import ModelError, Problem
from lowres.methods import adapters

PREFIX = "language_"  # of the name of a language's adapter; the language's code follows


def stack(model: Any, folders: Mapping[str, Path]) -> None:
    """Load the adapter of each language, frozen. It may have been trained in a model with a head around the same encoder.

    Raises ModelError where one does not fit.
    """
    for tag, folder in folders.items():
        adapters.load_additional(model, folder, PREFIX + tag)
    if folders:
        activate_language(model, next(iter(folders)))


def adapter_languages(model: Any) -> tuple[str, ...]:
    """The languages that have an adapter; none where the model has no language adapters."""
    names = getattr(model, "peft_config", ())  # only a model with adapters has it
    return tuple(name.removeprefix(PREFIX) for name in names if name.startswith(PREFIX))


def activate_language(model: Any, language: str | None) -> None:
    """Make the adapter of this language the active one, under the task adapter; does nothing without language adapters.

    Raises ModelError for a language that has no adapter.
    """
    known = adapter_languages(model)
    if not known:
        return
    if language not in known:
        what = f"{language or 'a text of unknown language'} cannot be read: there is no adapter for it"
        raise ModelError(Problem("language", what, f"one of {', '.join(known)}"))
    wanted = [PREFIX + language, adapters.NAME]
    if model.base_model.active_adapters == wanted:
        return
    trainable = [weight for weight in model.parameters() if weight.requires_grad]
    model.base_model.set_adapter(wanted)
    for weight in model.parameters():  # PEFT makes every active adapter trainable
        weight.requires_grad_(False)
    for weight in trainable:
        weight.requires_grad_(True)


def save_stack(model: nn.Module, folder: Path, base: str) -> None:
    """Save the task adapter and, each in a folder of its own, the language adapters."""
    adapters.save(model, folder, base)
    for tag in adapter_languages(model):
        adapters.name_base(folder / (PREFIX + tag), base)


def restore_stack(model: nn.Module, folder: Path) -> nn.Module:
    """Load the saved adapters; the model is then ready for use."""
    restored = adapters.restore(model, folder)
    stack(restored, {path.name.removeprefix(PREFIX): path for path in sorted(folder.glob(f"{PREFIX}*"))})
    return restored
