"""Loads the tokenizer and the model of a checkpoint."""

from typing import Any

from torch import nn
from transformers import (
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForSeq2SeqLM,
    PreTrainedTokenizerBase,
)

from lowres.errors import ModelError, Problem
from lowres.models.checkpoint import Checkpoint
from lowres.models.tokenization import load_tokenizer


def load_encoder(checkpoint: Checkpoint) -> tuple[PreTrainedTokenizerBase, nn.Module]:
    """Load tokenizer and encoder in float32. Code that a checkpoint brings is never executed.

    Dropout inside the base is set to 0: an adapter is small enough not to need it, and every dropout mask costs time
    (docs/results/speed.md).
    """
    return _load(AutoModel, checkpoint, {"add_pooling_layer": False} if checkpoint.architecture.drops_pooler else {})


def load_translator(checkpoint: Checkpoint) -> tuple[PreTrainedTokenizerBase, Any]:
    """Load tokenizer and encoder-decoder with its head, as load_encoder does."""
    return _load(AutoModelForSeq2SeqLM, checkpoint, {})


def load_masked(checkpoint: Checkpoint) -> tuple[PreTrainedTokenizerBase, Any]:
    """Load tokenizer and encoder with a masked-LM head, as load_encoder does; a checkpoint without a head gets a new one.

    Raises ModelError where the tokenizer has no mask token.
    """
    tokenizer, model = _load(AutoModelForMaskedLM, checkpoint, {})
    if tokenizer.mask_token_id is None:
        what = f"{checkpoint.name} has no mask token, so it cannot be trained to predict masked words"
        raise ModelError(
            Problem("base.name", what, "choose a base that has one: starter:encoder or FacebookAI/xlm-roberta-base")
        )
    return tokenizer, model


def _load(kind: Any, checkpoint: Checkpoint, options: dict[str, object]) -> tuple[PreTrainedTokenizerBase, nn.Module]:
    tokenizer = load_tokenizer(checkpoint.folder)
    safe = any(checkpoint.folder.glob("*.safetensors"))  # else transformers unpickles with weights_only
    model = kind.from_pretrained(
        str(checkpoint.folder), trust_remote_code=False, local_files_only=True, use_safetensors=safe, dtype="float32",
        attn_implementation="eager", **dict.fromkeys(checkpoint.architecture.dropouts, 0.0), **options,
    )  # fmt: skip
    return tokenizer, model
