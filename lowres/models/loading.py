"""From a checkpoint on disk to a tokenizer and a model."""

from typing import Any

from torch import nn
from transformers import (
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    PreTrainedTokenizerBase,
)

from lowres.errors import ModelError, Problem
from lowres.models.checkpoint import Checkpoint


def load_encoder(checkpoint: Checkpoint) -> tuple[PreTrainedTokenizerBase, nn.Module]:
    """Tokenizer and encoder in float32, from safetensors only; code that a checkpoint brings is never run.

    Dropout inside the base is set to 0: with so few rows the adapter is small enough not to need it, and every mask costs
    time (docs/speed.md).
    """
    return _load(AutoModel, checkpoint, {"add_pooling_layer": False} if checkpoint.architecture.drops_pooler else {})


def load_translator(checkpoint: Checkpoint) -> tuple[PreTrainedTokenizerBase, Any]:
    """Tokenizer and encoder-decoder with its head, as load_encoder does."""
    return _load(AutoModelForSeq2SeqLM, checkpoint, {})


def load_masked(checkpoint: Checkpoint) -> tuple[PreTrainedTokenizerBase, Any]:
    """Tokenizer and encoder with a head that fills in masks, as load_encoder does; a checkpoint without one gets a fresh one.

    Raises ModelError where the tokenizer has no piece to hide words with.
    """
    tokenizer, model = _load(AutoModelForMaskedLM, checkpoint, {})
    if tokenizer.mask_token_id is None:
        what = f"{checkpoint.name} has no mask piece, so no word can be hidden from it"
        raise ModelError(
            Problem("base.name", what, "choose a base that has one: starter:encoder or FacebookAI/xlm-roberta-base")
        )
    return tokenizer, model


def _load(kind: Any, checkpoint: Checkpoint, options: dict[str, object]) -> tuple[PreTrainedTokenizerBase, nn.Module]:
    tokenizer = AutoTokenizer.from_pretrained(str(checkpoint.folder), trust_remote_code=False, local_files_only=True)
    safe = any(checkpoint.folder.glob("*.safetensors"))  # else transformers unpickles with weights_only
    model = kind.from_pretrained(
        str(checkpoint.folder), trust_remote_code=False, local_files_only=True, use_safetensors=safe, dtype="float32",
        attn_implementation="eager", **dict.fromkeys(checkpoint.architecture.dropouts, 0.0), **options,
    )  # fmt: skip
    return tokenizer, model
