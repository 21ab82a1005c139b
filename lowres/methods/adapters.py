"""What all adapters of PEFT share: how they are attached, saved, restored and merged."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import safe_open
from torch import nn

from lowres.errors import ModelError, Problem
from lowres.models.adapter_config import REMEDY, check_config
from lowres.models.adapter_folder import CONFIG, WEIGHTS

if TYPE_CHECKING:  # PEFT takes long to load: only the functions that handle an adapter import it
    from peft import PeftConfig, PeftModel

WITHOUT_HEAD = {
    r"^(bert|roberta)\.": ""
}  # how a weight is called where the encoder stands in a model with a head → without it
NAME = "default"


def attach(model: nn.Module, config: "PeftConfig") -> "PeftModel":
    """Freeze the model and attach an adapter to it."""
    from peft import get_peft_model

    return get_peft_model(model, config)


def save(model: nn.Module, folder: Path, base: str) -> None:
    """Save adapter_model.safetensors and adapter_config.json, in which the base has the name that the recipe uses."""
    from peft import PeftModel

    assert isinstance(model, PeftModel)
    model.save_pretrained(str(folder), save_embedding_layers=False)
    name_base(folder, base)


def name_base(folder: Path, base: str) -> None:
    """Replace the base's path on this machine by its name; remove PEFT's template of a model card, which holds the path, too."""
    file = folder / CONFIG
    config = json.loads(file.read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = base
    file.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    (folder / "README.md").unlink(missing_ok=True)


def restore(model: nn.Module, folder: Path) -> nn.Module:
    """Load a saved adapter; the model is then ready for use. Raises ModelError where a file or a tensor is missing or foreign."""
    from peft import PeftModel, get_peft_model_state_dict

    restored = PeftModel.from_pretrained(model, str(_local(folder)))
    with safe_open(folder / WEIGHTS, "pt") as file:
        found = set(file.keys())
    expected = set(get_peft_model_state_dict(restored, save_embedding_layers=False))
    for names, what in ((expected - found, "lacks the tensor"), (found - expected, "has the foreign tensor")):
        if names:
            raise ModelError(Problem(str(folder / WEIGHTS), f"{what} {min(names)!r:.200}", REMEDY))
    return restored


def _local(folder: Path) -> Path:
    """The absolute path of an adapter. Raises ModelError where a file is missing, which PEFT would look for on the hub."""
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).exists():
            raise ModelError(Problem(str(folder / name), "is missing", "is the run's folder whole?"))
    import lowres.methods.tuner  # noqa: F401 – PEFT knows bottleneck adapters once it is imported

    check_config(folder / CONFIG)
    return folder.resolve()


def merge(model: Any) -> nn.Module:
    """Add the adapter's update to the model's own weights and remove the adapter."""
    return model.merge_and_unload()  # type: ignore[no-any-return]


def load_additional(model: Any, folder: Path, name: str) -> None:
    """Load one more adapter, frozen, under a name of its own. Raises ModelError where it does not fit the model."""
    loaded = model.load_adapter(str(_local(folder)), adapter_name=name, key_mapping=WITHOUT_HEAD)
    lost = [*loaded.unexpected_keys, *(key for key in loaded.missing_keys if f".{name}." in key)]
    if lost:
        raise ModelError(Problem(str(folder), f"does not fit this base: {lost[0]}", "train it over the same base"))
