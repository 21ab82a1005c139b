"""Loads the tokenizer and the model of a checkpoint."""

from collections.abc import Mapping
from inspect import signature
from pickle import UnpicklingError
from types import MappingProxyType
from typing import Any

from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForSeq2SeqLM,
    PreTrainedTokenizerBase,
)

from lowres.errors import ModelError, Problem
from lowres.models.checkpoint import Checkpoint
from lowres.models.modules import keep_head_apart
from lowres.models.tokenization import load_tokenizer

# What transformers raises for a checkpoint that it cannot load.
FAILURES = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    RuntimeError,
    AttributeError,
    IndexError,
    ImportError,
    SafetensorError,
    UnpicklingError,
)


def load_encoder(
    checkpoint: Checkpoint, dropout: float = 0.0, tokenizer: PreTrainedTokenizerBase | None = None
) -> tuple[PreTrainedTokenizerBase, nn.Module]:
    """Load tokenizer and encoder in float32. Code that a checkpoint brings is never executed.

    `dropout` is that inside the base, of states and attention, while it trains; whole layers are never left out. It is 0 unless a
    recipe wants it: an adapter is small enough not to need it, and every dropout mask costs time (docs/results/speed.md). The config
    keeps the base's values, so that an exported model has them. A `tokenizer` that is given, as of a saved model, stands in the
    place of the base's own, which then need not be loaded. Raises ModelError where the checkpoint cannot be loaded, or has no
    weights for a part of the model.
    """
    options: dict[str, object] = {"add_pooling_layer": False} if checkpoint.architecture.drops_pooler else {}
    new = () if checkpoint.architecture.is_known else ("pooler.",)
    return _load(AutoModel, checkpoint, dropout, tokenizer, options, new)


def load_translator(
    checkpoint: Checkpoint, dropout: float = 0.0, tokenizer: PreTrainedTokenizerBase | None = None
) -> tuple[PreTrainedTokenizerBase, Any]:
    """Load tokenizer and encoder-decoder with its head, as load_encoder does."""
    tokenizer, model = _load(AutoModelForSeq2SeqLM, checkpoint, dropout, tokenizer)
    if getattr(model.config, "decoder_start_token_id", None) is None:  # T5Gemma 2
        model.config.decoder_start_token_id = model.config.bos_token_id
    return tokenizer, model


def load_decoder(
    checkpoint: Checkpoint, dropout: float = 0.0, tokenizer: PreTrainedTokenizerBase | None = None
) -> tuple[PreTrainedTokenizerBase, Any]:
    """Load tokenizer and decoder with its head, as load_encoder does."""
    return _load(AutoModelForCausalLM, checkpoint, dropout, tokenizer)


def load_masked(
    checkpoint: Checkpoint, dropout: float = 0.0, tokenizer: PreTrainedTokenizerBase | None = None
) -> tuple[PreTrainedTokenizerBase, Any]:
    """Load tokenizer and encoder with a masked-LM head, as load_encoder does; a checkpoint without a head gets a new one.

    Raises ModelError where the tokenizer has no mask token.
    """
    tokenizer, model = _load(
        AutoModelForMaskedLM, checkpoint, dropout, tokenizer, new=checkpoint.architecture.masked_head
    )
    if tokenizer.mask_token_id is None:
        what = f"{checkpoint.name} has no mask token, so it cannot be trained to predict masked words"
        raise ModelError(
            Problem("base.name", what, "choose a base that has one: starter:encoder or FacebookAI/xlm-roberta-base")
        )
    return tokenizer, model


def _load(
    kind: Any, checkpoint: Checkpoint, dropout: float, tokenizer: PreTrainedTokenizerBase | None,
    options: Mapping[str, object] = MappingProxyType({}), new: tuple[str, ...] = (),
) -> tuple[PreTrainedTokenizerBase, Any]:  # fmt: skip
    """Tokenizer and model; weights whose names begin as `new` says may be missing."""
    architecture = checkpoint.architecture
    if tokenizer is None:
        tokenizer = load_tokenizer(checkpoint.folder)
    dropouts = dict.fromkeys(architecture.dropouts, dropout) | dict.fromkeys(architecture.layer_dropouts, 0.0)
    modules = architecture.language_modules
    if modules and checkpoint.language:
        options = {**options, modules.listed: [checkpoint.language], modules.default: checkpoint.language}
    safe = any(checkpoint.folder.glob("*.safetensors"))  # else transformers unpickles with weights_only
    try:
        model, report = kind.from_pretrained(
            str(checkpoint.folder), trust_remote_code=False, local_files_only=True, use_safetensors=safe, dtype="float32",
            attn_implementation="eager", output_loading_info=True, **dropouts, **options,
        )  # fmt: skip
    except FAILURES as error:
        raise _failure(checkpoint, "the model", error) from error
    missing = sorted(name for name in report["missing_keys"] if not name.startswith(new) or name in _own_table(model))
    if missing:
        what = f"has no weights for {', '.join(missing[:3])}" + (f" and {len(missing) - 3} more" if missing[3:] else "")
        hint = "they would be random; fetch the base again"
        if missing[0].startswith(new):  # RemBERT
            hint = "it was published without the head that predicts words; choose another base for pre-training"
        raise ModelError(Problem(str(checkpoint.folder), what, hint))
    if not architecture.is_known and "attention_mask" not in signature(model.forward).parameters:  # FNet
        what = f"is of the family {architecture.family}, whose model takes no attention mask and reads padding as text"
        raise ModelError(Problem(str(checkpoint.folder), what, "choose another base; see lowres bases"))
    for name, module in model.named_modules():
        if modules and name.rpartition(".")[0].endswith(
            modules.place
        ):  # what they give is put among what they were given
            module.register_forward_hook(_in_the_precision_of_its_input)
    keep_head_apart(model)
    _restore_dropouts(model, checkpoint)
    return tokenizer, model


def _in_the_precision_of_its_input(module: nn.Module, given: tuple[Tensor, ...], found: Tensor) -> Tensor:
    return found.to(given[0].dtype)


def _own_table(model: Any) -> tuple[str, ...]:
    """The name of the weight of a head with a table of its own; empty where the head is tied."""
    head = model.get_output_embeddings()
    if head is None or head.weight is model.get_input_embeddings().weight:
        return ()
    return tuple(f"{name}.weight" for name, module in model.named_modules() if module is head)


def _restore_dropouts(model: Any, checkpoint: Checkpoint) -> None:
    """Let the config say what the base's says; the modules, which are built, keep what they were built with."""
    own = type(model.config).from_pretrained(str(checkpoint.folder), local_files_only=True)
    for field in (*checkpoint.architecture.dropouts, *checkpoint.architecture.layer_dropouts):
        setattr(model.config, field, getattr(own, field))


def _failure(checkpoint: Checkpoint, part: str, error: Exception) -> ModelError:
    said = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    what = f"{part} of {checkpoint.name} cannot be loaded: {said}"
    return ModelError(
        Problem(str(checkpoint.folder), what, "is the folder whole, and of the family that its config.json names?")
    )
