"""What the small files of a checkpoint say: its config, its tokenizer, and how a sentence-transformers model is used.

Imports nothing heavy.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from lowres.errors import ModelError, Problem
from lowres.models.architectures import Architecture, Pooling, architecture
from lowres.models.weight_files import layer_count, read_json, width

TOKENIZER_FILES = ("tokenizer.json", "*.model", "*.spm", "vocab.*", "merges.txt")
# Models that expect words before every text, by their names; their folders do not always say so.
PREFIXES = ((re.compile(r"(^|/)(multilingual-)?e5-(small|base|large)$"), "query: "),)
# Where the config's class gives no decoder_start_token_id, so that config.json must.
NEEDS_START = ("t5", "mbart")


def read_config(folder: Path) -> tuple[dict[str, Any], Architecture]:
    """The config of a checkpoint, and its family. Raises ModelError where it cannot be used."""
    config_file = folder / "config.json"
    if not config_file.exists():
        raise ModelError(Problem(str(folder), "has no config.json", "a base is a folder that save_pretrained wrote"))
    config = read_json(config_file)
    family = architecture(str(config.get("model_type")), str(config_file))
    for what, found in (
        ("vocab_size", config.get("vocab_size")), ("hidden_size", width(config)),
        ("number of layers", layer_count(config, "decoder" if family.shape == "decoder" else "encoder")),
    ):  # fmt: skip
        if not found:
            raise ModelError(Problem(str(config_file), f"gives no {what}", "fetch the base again"))
    if config.get("quantization_config"):
        what = "is already quantized; lowres quantizes a precise base itself"
        raise ModelError(Problem(str(folder), what, "name the original model, with base.quantize: 4bit or 8bit"))
    return config, family


def check_use(folder: Path) -> None:
    """Raises ModelError where texts cannot be read or written with a checkpoint: no tokenizer, or nothing to begin a text with."""
    config = read_json(folder / "config.json")
    if config.get("model_type") in NEEDS_START and _start_token(folder, config) is None:
        hint = "write it into config.json: of T5 it is pad_token_id, of mBART the id of the end token"
        what = "gives no decoder_start_token_id, so no text can be written"
        raise ModelError(Problem(str(folder / "config.json"), what, hint))
    _check_tokenizer(folder)


def _start_token(folder: Path, config: Mapping[str, Any]) -> object:
    generation = folder / "generation_config.json"
    own = config.get("decoder_start_token_id")
    return own if own is not None or not generation.exists() else read_json(generation).get("decoder_start_token_id")


def _check_tokenizer(folder: Path) -> None:
    """Raises ModelError where the folder has no tokenizer, or one of a class that transformers does not have."""
    settings = folder / "tokenizer_config.json"
    kind = str(read_json(settings).get("tokenizer_class") or "") if settings.exists() else ""
    files = [path for pattern in TOKENIZER_FILES for path in folder.glob(pattern)]
    if not files and not kind.startswith("ByT5"):
        raise ModelError(Problem(str(folder), "has no tokenizer", "save it there, too: tokenizer.save_pretrained"))
    for path in files:
        if path.suffix == ".json":
            read_json(path)
        elif path.stat().st_size < 200 and path.suffix in (".model", ".spm"):
            raise ModelError(
                Problem(str(path), "is no SentencePiece model (empty, or a git-lfs pointer)", "fetch it again")
            )
    if (
        kind
        and not kind.startswith(("PreTrainedTokenizer", "TokenizersBackend"))
        and not any(found in _tokenizer_classes() for found in (kind, kind.removesuffix("Fast")))
    ):
        hint = "use a base whose tokenizer transformers has; code that a checkpoint brings is never executed"
        raise ModelError(Problem(str(settings), f"names the unknown tokenizer_class “{kind}”", hint))


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
