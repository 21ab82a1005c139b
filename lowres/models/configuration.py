"""What the small files of a checkpoint say: its config, its tokenizer, and how a sentence-transformers model is used.

Imports nothing heavy.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from lowres.errors import ModelError, Problem
from lowres.models.architectures import ARCHITECTURES, VARIANTS, WITHOUT_ROW, Architecture, Pooling, architecture
from lowres.models.unknown_family import UNKNOWN, is_encoder
from lowres.models.weight_files import WIDTHS, layer_count, read_json

_SIZE = re.compile(r"(?:_size|_heads|_layers|^d_model|^d_ff|^d_kv)$")  # fields of config.json that count something
TOKENIZER_FILES = ("tokenizer.json", "*.model", "*.spm", "vocab.*", "merges.txt")
TOKENIZER_MODELS = ("BPE", "Unigram", "WordPiece", "WordLevel")
SMALLEST = 200  # bytes of a SentencePiece model
# What a tokenizer class needs, where there is no tokenizer.json.
PARTS: Mapping[str, tuple[str, ...]] = {
    "Marian": ("source.spm", "target.spm", "vocab.json"),
    "M2M100": ("sentencepiece.bpe.model", "vocab.json"),
}
# Models that expect words before every text, by their names; their folders do not always say so.
PREFIXES = ((re.compile(r"(^|/)(multilingual-)?e5-(small|base|large)$"), "query: "),)
# Where the config's class gives no decoder_start_token_id, so that config.json must.
NEEDS_START = ("t5", "mbart")


def read_config(folder: Path) -> tuple[dict[str, Any], Architecture]:
    """The config of a checkpoint, and its family. Raises ModelError where it cannot be used.

    The family of an encoder that has no row in the table is not whole yet: `unknown_encoder` finds its layers in its weights.
    """
    config_file = folder / "config.json"
    if (folder / "adapter_config.json").exists():
        raise ModelError(_adapter(folder))
    if not config_file.exists():
        raise ModelError(Problem(str(folder), "has no config.json", "a base is a folder that save_pretrained wrote"))
    config = with_nested(read_json(config_file))
    _check_numbers(config, config_file)
    family = _family(config, folder)
    for what, found in (
        ("vocab_size", config.get("vocab_size")), ("hidden_size", width(config)),
        ("number of layers", layer_count(config, family.first_stack)),
    ):  # fmt: skip
        if not found:
            raise ModelError(Problem(str(config_file), f"gives no {what}", "fetch the base again"))
    if config.get("quantization_config"):
        what = "is already quantized; lowres quantizes a precise base itself"
        raise ModelError(Problem(str(folder), what, "name the original model, with base.quantize: 4bit or 8bit"))
    return config, family


def _check_numbers(config: Mapping[str, Any], file: Path) -> None:
    """Raises ModelError for a size that is no whole number, heads that do not divide the width, and a dropout outside 0–1."""
    wrong = []
    for field, value in config.items():
        if _SIZE.search(field) and isinstance(value, bool | float | str | int):
            wrong += [f"{field} {value!r}, which is no size"] if type(value) is not int or value < 0 else []
        elif "dropout" in field and isinstance(value, float | str | int):
            wrong += [f"{field} {value!r}, which is no share"] if isinstance(value, str) or not 0 <= value <= 1 else []
    heads, own = config.get("num_attention_heads"), config.get("head_dim") or config.get("d_kv")
    if not wrong and isinstance(heads, int) and not own and (not heads or width(config) % heads):
        wrong = [f"{heads} heads, which do not divide the width {width(config)}"]
    if wrong:
        raise ModelError(Problem(str(file), f"says {', '.join(wrong)}", "fetch the base again"))


def _adapter(folder: Path) -> Problem:
    """What to say of an adapter in a base's place."""
    over = str(
        read_json(folder / "adapter_config.json").get("base_model_name_or_path") or "the model that it was trained over"
    )
    hint = f"fetch it (hf download … --local-dir adapter) and name that folder, ./adapter; or name {over}"
    return Problem(str(folder), f"holds a PEFT adapter over {over}, not a model", hint)


def _family(config: Mapping[str, Any], folder: Path) -> Architecture:
    model_type = str(config.get("model_type"))
    token, variant = VARIANTS.get(model_type, ("", None))
    if variant is not None and any(
        token.encode() in path.read_bytes() for kind in ("tokenizer.json", "*.model") for path in folder.glob(kind)
    ):
        return variant
    if model_type not in {*ARCHITECTURES, *WITHOUT_ROW} and is_encoder(config):
        return replace(UNKNOWN, family=model_type)
    return architecture(model_type, str(folder / "config.json"))


def with_nested(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config with the fields of the part that reads text, where a model of texts and images has a config of its own for it."""
    encoder, decoder = _nested(config, "encoder"), _nested(config, "decoder")
    text = _nested(config, "text_config") or _nested(encoder, "text_config")
    depth = {"num_decoder_layers": decoder["num_hidden_layers"]} if "num_hidden_layers" in decoder else {}
    return {**text, **depth, **config}


def _nested(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = config.get(name)
    return found if isinstance(found, dict) else {}


def width(config: Mapping[str, Any]) -> int:
    """The width of the hidden states; 0 where config.json says nothing."""
    return int(next((config[field] for field in WIDTHS if config.get(field)), 0))


def check_use(folder: Path) -> None:
    """Raises ModelError where texts cannot be read or written with a checkpoint: no tokenizer, or nothing to begin a text with."""
    config = with_nested(read_json(folder / "config.json"))
    start = _start_token(folder, config)
    if config.get("model_type") in NEEDS_START and start is None:
        hint = "write it into config.json: of T5 it is pad_token_id, of mBART the id of the end token"
        what = "gives no decoder_start_token_id, so no text can be written"
        raise ModelError(Problem(str(folder / "config.json"), what, hint))
    _check_tokenizer(folder)


def _start_token(folder: Path, config: Mapping[str, Any]) -> object:
    generation = folder / "generation_config.json"
    begun = read_json(generation).get("decoder_start_token_id") if generation.exists() else None
    own = config.get("decoder_start_token_id")
    return begun if own is None else own


def _check_tokenizer(folder: Path) -> None:
    """Raises ModelError where the folder has no tokenizer, or one of a class that transformers does not have."""
    settings = folder / "tokenizer_config.json"
    kind = str(read_json(settings).get("tokenizer_class") or "") if settings.exists() else ""
    files = [path for pattern in TOKENIZER_FILES for path in folder.glob(pattern)]
    if not files and not kind.startswith("ByT5"):
        raise ModelError(Problem(str(folder), "has no tokenizer", "save it there, too: tokenizer.save_pretrained"))
    lost = [
        name
        for start, names in PARTS.items()
        if kind.startswith(start)
        for name in names
        if not (folder / name).exists()
    ]
    if lost and not (folder / "tokenizer.json").exists():
        raise ModelError(
            Problem(str(folder), f"lacks {' and '.join(lost)}, which a {kind} needs", "fetch the base again")
        )
    for path in files:
        if path.name == "tokenizer.json":
            _check_whole_tokenizer(path)
        elif path.suffix == ".json":
            read_json(path)
        elif path.suffix in (".model", ".spm") and not _is_sentencepiece(path):
            what = "is no SentencePiece model (empty, or a git-lfs pointer)"
            raise ModelError(Problem(str(path), what, "fetch it again"))
    if (
        kind
        and not kind.startswith(("PreTrainedTokenizer", "TokenizersBackend"))
        and not any(found in _tokenizer_classes() for found in (kind, kind.removesuffix("Fast")))
        and not is_replaced(kind, str(read_json(folder / "config.json").get("model_type")))
    ):
        hint = "use a base whose tokenizer transformers has; code that a checkpoint brings is never executed"
        raise ModelError(Problem(str(settings), f"names the unknown tokenizer_class “{kind}”", hint))


def _check_whole_tokenizer(path: Path) -> None:
    """Raises ModelError for a tokenizer.json without one of the models that the package tokenizers has, or without tokens."""
    model = read_json(path).get("model")
    if not isinstance(model, dict) or not (model.get("vocab") and model.get("type", "BPE") in TOKENIZER_MODELS):
        what = f"has no model of the types {', '.join(TOKENIZER_MODELS)} with a vocabulary"
        raise ModelError(Problem(str(path), what, "fetch it again"))


def _is_sentencepiece(path: Path) -> bool:
    import sentencepiece

    if path.stat().st_size < SMALLEST:  # sentencepiece takes an empty file for a model
        return False
    try:
        return bool(sentencepiece.SentencePieceProcessor(model_file=str(path)).vocab_size())
    except (RuntimeError, OSError):
        return False


def is_replaced(tokenizer_class: str, model_type: str) -> bool:
    """Whether a tokenizer class is named for its model's family (ElectraTokenizer): transformers 5 has another in its place."""
    family = tokenizer_class.removesuffix("Fast").removesuffix("Tokenizer").lower()
    return family == re.sub(r"[-_]", "", model_type)


def reads_bytes(folder: Path) -> bool:
    """Whether the tokenizer of a checkpoint has bytes for tokens (ByT5)."""
    settings = folder / "tokenizer_config.json"
    return folder != Path() and settings.exists() and str(read_json(settings).get("tokenizer_class")).startswith("ByT5")


@lru_cache(maxsize=1)
def _tokenizer_classes() -> frozenset[str]:
    import transformers  # its names alone: torch is not loaded

    return frozenset(dir(transformers))


def sentence_pooling(folder: Path) -> Pooling | None:
    """How a sentence-transformers model makes one vector of a text; None for other models."""
    file = folder / "1_Pooling" / "config.json"
    found = read_json(file) if file.exists() else {}
    if found.get("pooling_mode_mean_tokens") or found.get("pooling_mode") == "mean":
        return "mean"
    return "first" if found.get("pooling_mode_cls_token") or found.get("pooling_mode") == "cls" else None


def sentence_prefix(name: str, folder: Path) -> str:
    """What a sentence-transformers model expects before every text: its default prompt, else that of queries."""
    file = folder / "config_sentence_transformers.json"
    found = read_json(file) if file.exists() else {}
    prompts = found.get("prompts") or {}
    prompt = prompts.get(found.get("default_prompt_name") or "query")
    return prompt or next((prefix for pattern, prefix in PREFIXES if pattern.search(name)), "")
