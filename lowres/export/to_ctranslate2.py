"""A translator as a model of CTranslate2, which runs it without torch, in 8 bits if wanted.

CTranslate2's own converter reads a folder and guesses vocabulary and special tokens from the class of the tokenizer. Ours are pruned
and expanded, with language tokens of their own, so only its mapping of weights is used here.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lowres.errors import ModelError, Problem
from lowres.models.architectures import ARCHITECTURES
from lowres.tasks.translation.exported import INSTALL

# model_type → the class of CTranslate2 that maps its weights. BART's reads every post- and pre-norm relative of BART.
LOADERS: Mapping[str, str] = {
    "bart": "BartLoader",
    "mbart": "BartLoader",
    "marian": "BartLoader",
    "m2m_100": "M2M100Loader",
    "t5": "T5Loader",
    "mt5": "T5Loader",
    "umt5": "UMT5Loader",
}
# The field of a config that says that the states are scaled before the head; CTranslate2 reads another one.
SCALED: Mapping[str, str] = {"t5": "scale_decoder_outputs", "umt5": "tie_word_embeddings"}
QUANTIZATIONS: Mapping[int, str] = {8: "int8", 16: "float16", 32: "float32"}


def convert(predictor: Any, bits: int, folder: Path) -> None:
    """Write the model of a merged translator into a folder that does not exist. Changes the config of the predictor."""
    loaders = installed()
    inputs, model, tokenizer = predictor.inputs, predictor.transformer, predictor.tokenizer
    kind, config = model.config.model_type, model.config
    blocks = ARCHITECTURES[kind].blocks
    assert blocks is not None
    config.normalize_before = not blocks.norm  # which transformers does not ask, so that files may say otherwise
    config.normalize_embedding = blocks.embedding == "layernorm_embedding"
    config.tie_word_embeddings = bool(getattr(config, SCALED.get(kind, ""), False))
    spec = getattr(loaders, LOADERS[kind])().get_model_spec(model)
    tokens = token_names(tokenizer, inputs.rows)
    spec.register_source_vocabulary(tokens)
    spec.register_target_vocabulary(tokens)
    spec.config.decoder_start_token = spec.config.bos_token = tokens[inputs.start]
    spec.config.eos_token = tokens[inputs.end]
    spec.config.unk_token = tokens[inputs.pad if tokenizer.unk_token_id is None else tokenizer.unk_token_id]
    spec.validate()
    spec.optimize(quantization=QUANTIZATIONS[bits])
    folder.mkdir()
    spec.save(str(folder))


def installed() -> Any:
    """The module of CTranslate2 with its loaders. Raises ModelError where it is not installed."""
    try:
        from ctranslate2.converters import transformers as loaders
    except ImportError as error:
        raise ModelError(Problem("--to ctranslate2", "CTranslate2 is not installed", INSTALL)) from error
    return loaders


def token_names(tokenizer: Any, rows: int) -> list[str]:
    """A name for every row of the output embeddings; rows without a token are called by their number."""
    known = {number: token for token, number in tokenizer.get_vocab().items()}
    return [known.get(number, f"<row {number}>") for number in range(rows)]
