"""Merges a PEFT adapter into the model that it was trained over: the result is an ordinary checkpoint, a base like others.

The adapter may come from a stranger, and may have been trained in a model with another head. What it adds to the encoder is merged;
of the weights that it saved whole, those that the base has too take their place (embedding rows of new tokens, a head that predicts
words), and heads for a task of its own are left out.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from peft import PeftConfig, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from safetensors.torch import load_file
from torch import Tensor, nn

from lowres.errors import ModelError, Problem
from lowres.models.adapter_config import check_config
from lowres.models.adapter_folder import CONFIG, WEIGHTS
from lowres.models.checkpoint import Checkpoint
from lowres.models.configuration import TOKENIZER_FILES
from lowres.models.digests import OWN_FACTS
from lowres.models.loading import FAILURES, load_decoder, load_encoder, load_masked, load_translator
from lowres.models.tokenization import load_tokenizer
from lowres.models.weight_files import find_weights

WRAPPED = "base_model.model."  # before the name of every tensor that PEFT saves
POOLER = "pooler."  # of an encoder: lowres does without
ANOTHER = "is it the adapter of this model, and whole?"


def write_merged(base: Checkpoint, adapter: Path, folder: Path) -> None:
    """Write the checkpoint of `base` with an adapter in its weights. Raises ModelError where the adapter does not fit the base."""
    check_config(adapter / CONFIG, of_others=True)
    tokenizer, model = _whole(base)
    if any(path for pattern in TOKENIZER_FILES for path in adapter.glob(pattern)):
        tokenizer = load_tokenizer(adapter)
    try:
        _merge(model, adapter)
    except FAILURES as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        said = next((line for line in lines if not line.endswith(":")), type(error).__name__)
        raise ModelError(Problem(str(adapter), f"does not fit {base.name}: {said:.200}", ANOTHER)) from error
    rows = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > rows:
        what = f"has {len(tokenizer)} tokens, and embeddings for {rows} of them"
        raise ModelError(Problem(str(adapter), what, "save it with its embeddings: save_embedding_layers=True"))
    model.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))
    own = {"pooling": base.pooling, "prefix": base.prefix}
    (folder / OWN_FACTS).write_text(json.dumps(own, indent=2) + "\n", encoding="utf-8")


def _whole(base: Checkpoint) -> tuple[Any, Any]:
    """Tokenizer and model with whatever head the base was published with."""
    family = base.architecture
    if family.shape != "encoder":
        return (load_translator if family.shape == "encoder-decoder" else load_decoder)(base)
    names = find_weights(base.folder).shapes or ()
    headed = any(name.startswith(family.masked_head) for name in names)
    return (load_masked if headed else load_encoder)(base)


def _merge(model: Any, adapter: Path) -> None:
    """Merge the adapter into the model, in place. Raises ValueError where they do not fit each other."""
    config = PeftConfig.from_pretrained(str(adapter))
    heads = tuple(config.modules_to_save or ())
    for key, value in {"task_type": None, "modules_to_save": None, "inference_mode": False}.items():
        setattr(config, key, value)
    if hasattr(config, "init_lora_weights"):
        config.init_lora_weights = True  # all weights come from the file
    tensors = {name.removeprefix(WRAPPED): tensor for name, tensor in load_file(adapter / WEIGHTS).items()}
    tables, own = _tables(model), _parameters(model)
    whole = {
        name for name in tensors if any(f".{head}." in f".{name}" for head in heads) or id(own.get(name)) in tables
    }
    _take(model, {name: tensors.pop(name) for name in whole})
    prefix = f"{model.base_model_prefix}."
    inside = {name.startswith(prefix) for name in tensors}
    if inside == {True}:  # of a model with a head around the same encoder
        tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    tensors = {name: tensor for name, tensor in tensors.items() if not name.startswith(POOLER)}
    adapted: Any = get_peft_model(model if len(inside) > 1 else model.base_model, config)
    expected = {name.removeprefix(WRAPPED) for name in get_peft_model_state_dict(adapted, save_embedding_layers=False)}
    for names, what in ((expected - {*tensors}, "lacks the tensor"), ({*tensors} - expected, "has the foreign tensor")):
        if names:
            raise ValueError(f"it {what} {min(names)!r:.200}")
    set_peft_model_state_dict(adapted, {f"{WRAPPED}{name}": tensor for name, tensor in tensors.items()})
    adapted.merge_and_unload(safe_merge=True)


@torch.no_grad()
def _take(model: Any, tensors: Mapping[str, Tensor]) -> None:
    """Put tensors in the place of the model's own, with as many embedding rows as they have; leave out those that it lacks."""
    tables, own = _tables(model), _parameters(model)
    rows = {len(tensor) for name, tensor in tensors.items() if id(own.get(name)) in tables}
    if len(rows) == 1:
        model.resize_token_embeddings(rows.pop(), mean_resizing=False)
        own = _parameters(model)
    for name, tensor in tensors.items():
        if name in own and own[name].shape != tensor.shape:
            raise ValueError(
                f"the tensor {name!r:.200} has the shape {tuple(tensor.shape)}, not {tuple(own[name].shape)}"
            )
        if name in own:
            own[name].copy_(tensor)


def _tables(model: Any) -> set[int]:
    """The embeddings of what is read and of what is written."""
    modules = (model.get_input_embeddings(), model.get_output_embeddings())
    return {id(module.weight) for module in modules if module is not None}


def _parameters(model: Any) -> dict[str, nn.Parameter]:
    """The model's parameters by their names in it, and by those in the model without its head."""
    found = dict(model.named_parameters(remove_duplicate=False))
    return {**{name.removeprefix(f"{model.base_model_prefix}."): weight for name, weight in found.items()}, **found}
