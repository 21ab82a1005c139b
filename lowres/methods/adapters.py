"""What all adapters of PEFT share: how they are put on, saved and found again."""

import json
from pathlib import Path
from typing import Any

from peft import PeftConfig, PeftModel, get_peft_model
from torch import nn

from lowres.errors import ModelError, Problem

WITHOUT_HEAD = {r"^(bert|roberta)\.": ""}  # a model with a head, around the same encoder
CONFIG, NAME = "adapter_config.json", "default"


def attach(model: nn.Module, config: PeftConfig) -> PeftModel:
    """Freeze the model and put an adapter on it."""
    return get_peft_model(model, config)


def save(model: nn.Module, folder: Path, base: str) -> None:
    """Write adapter_model.safetensors and adapter_config.json, naming the base as the recipe does."""
    assert isinstance(model, PeftModel)
    model.save_pretrained(str(folder), save_embedding_layers=False)
    name_base(folder, base)


def name_base(folder: Path, base: str) -> None:
    """The base by its name in place of a path on this machine; PEFT's template of a model card goes for the same reason."""
    file = folder / CONFIG
    config = json.loads(file.read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = base
    file.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    (folder / "README.md").unlink(missing_ok=True)


def restore(model: nn.Module, folder: Path) -> nn.Module:
    """The model with the saved adapter, ready for use."""
    return PeftModel.from_pretrained(model, str(folder))


def merge(model: Any) -> nn.Module:
    """The model with the adapter written into its weights."""
    return model.merge_and_unload()  # type: ignore[no-any-return]


def load_beside(model: Any, folder: Path, name: str) -> None:
    """Load one more adapter, frozen. Raises ModelError where a weight of it has no place in the model."""
    loaded = model.load_adapter(str(folder), adapter_name=name, key_mapping=WITHOUT_HEAD)
    lost = [*loaded.unexpected_keys, *(key for key in loaded.missing_keys if f".{name}." in key)]
    if lost:
        raise ModelError(Problem(str(folder), f"does not fit this base: {lost[0]}", "train it over the same base"))
