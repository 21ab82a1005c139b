"""Low-rank adapters through PEFT, on a frozen encoder."""

import json
from pathlib import Path

from peft import LoraConfig, PeftModel, get_peft_model
from torch import nn

from lowres.models.architectures import Architecture
from lowres.recipe.sections import Lora, Method


def apply(encoder: nn.Module, method: Method, architecture: Architecture) -> nn.Module:
    """Freeze the encoder and put a trainable low-rank pair beside its linear layers."""
    assert isinstance(method, Lora)
    everywhere = method.modules == "all"
    targets = architecture.attention + (architecture.feed_forward if everywhere else ())
    config = LoraConfig(
        r=method.rank, lora_alpha=method.alpha, lora_dropout=method.dropout, target_modules=sorted(set(targets))
    )
    return get_peft_model(encoder, config)


def save(encoder: nn.Module, folder: Path, base: str) -> None:
    """Write adapter_model.safetensors and adapter_config.json, naming the base as the recipe does."""
    assert isinstance(encoder, PeftModel)
    encoder.save_pretrained(str(folder), save_embedding_layers=False)
    config_file = folder / "adapter_config.json"
    config = json.loads(config_file.read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = base
    config_file.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    (folder / "README.md").unlink(missing_ok=True)  # PEFT's template names the local path of the base


def restore(encoder: nn.Module, folder: Path) -> nn.Module:
    """The encoder with the saved adapter, ready for use."""
    return PeftModel.from_pretrained(encoder, str(folder))
