"""The tokenizer of a decoder as GGUF holds it: tokens with their kinds, merges or scores, and the name of how texts are divided."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lowres.errors import ModelError, Problem

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)  # kinds of tokens in GGUF
_WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
# How a byte-level tokenizer divides texts before it merges → what llama.cpp, which has the rules in its code, calls it.
DIVISIONS: Mapping[tuple[str, ...], str] = {
    ("GPT-2",): "gpt-2",
    ("digits", "GPT-2"): "smollm",
    (_WORDS + r"\p{N}" + _REST, "bytes"): "qwen2",
    (_WORDS + r"\p{N}{1,3}" + _REST, "bytes"): "llama-bpe",
}


@dataclass(frozen=True)
class Vocabulary:
    """What GGUF says of a tokenizer.

    `model` is “gpt2” for byte-level BPE, which has merges, and “llama” for BPE of SentencePiece, which has scores; `division` is empty
    for the latter. `space` says that a space is put before every text.
    """

    model: str
    division: str
    tokens: Sequence[str]
    kinds: Sequence[int]
    merges: Sequence[str]
    scores: Sequence[float]
    space: bool


def vocabulary_of(tokenizer: Any, rows: int) -> Vocabulary:
    """The vocabulary of a tokenizer with as many tokens as the embedding table has rows; rows without a token are called by number.

    Raises ModelError for a tokenizer that llama.cpp has no rules for.
    """
    layout = json.loads(tokenizer.backend_tokenizer.to_str())
    if layout["model"]["type"] != "BPE":
        raise _unknown(f"is of the type {layout['model']['type']}, where BPE is known")
    names = {number: token for token, number in tokenizer.get_vocab().items()}
    tokens = [names.get(number, f"[PAD{number}]") for number in range(rows)]
    merges = [tuple(merge if isinstance(merge, list) else merge.split(" ")) for merge in layout["model"]["merges"]]
    kinds = _kinds(tokens, names, layout, byte_level=_is_byte_level(layout))
    if _is_byte_level(layout):
        written = [" ".join(merge) for merge in merges]
        return Vocabulary("gpt2", _division(layout["pre_tokenizer"]), tokens, kinds, written, (), space=False)
    if not layout["model"]["byte_fallback"]:
        raise _unknown("has neither bytes nor a fallback to bytes")
    ranks: dict[str, int] = {}
    for rank, (left, right) in enumerate(merges):
        ranks.setdefault(left + right, rank)
    scores = [-float(ranks.get(token, len(merges))) for token in tokens]
    return Vocabulary("llama", "", tokens, kinds, (), scores, space="Prepend" in json.dumps(layout["normalizer"]))


def _is_byte_level(layout: Mapping[str, Any]) -> bool:
    return any(part["type"] == "ByteLevel" for part in _parts(layout["pre_tokenizer"]))


def _kinds(
    tokens: Sequence[str], names: Mapping[int, str], layout: Mapping[str, Any], *, byte_level: bool
) -> list[int]:
    added = {token["id"]: CONTROL if token["special"] else USER_DEFINED for token in layout["added_tokens"]}
    unknown = "" if byte_level else layout["model"]["unk_token"]
    kinds = []
    for number, token in enumerate(tokens):
        kind = added.get(number, NORMAL) if number in names else UNUSED
        if not byte_level and token == unknown:
            kind = UNKNOWN
        elif not byte_level and len(token) == 6 and token.startswith("<0x") and token.endswith(">"):
            kind = BYTE
        kinds.append(kind)
    return kinds


def _parts(step: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    """The steps that divide a text, one after another."""
    if step is None:
        return []
    return [part for inner in step["pretokenizers"] for part in _parts(inner)] if step["type"] == "Sequence" else [step]


def _division(step: Mapping[str, Any]) -> str:
    """What llama.cpp calls this division of texts."""
    found = tuple(_named(part) for part in _parts(step))
    if found not in DIVISIONS:
        raise _unknown("divides texts in a way of its own")
    return DIVISIONS[found]


def _named(part: Mapping[str, Any]) -> str:
    if part["type"] == "ByteLevel" and not part["add_prefix_space"]:
        return "GPT-2" if part["use_regex"] else "bytes"
    if part["type"] == "Digits" and part["individual_digits"]:
        return "digits"
    pattern = part.get("pattern", {}).get("Regex", "")
    if part["type"] == "Split" and part["behavior"] == "Isolated" and not part["invert"]:
        return "digits" if pattern == r"\p{N}" else str(pattern)
    return str(part["type"])


def _unknown(what: str) -> ModelError:
    hint = "lowres export RUN writes a checkpoint for transformers"
    return ModelError(Problem("--to gguf", f"llama.cpp has no rules for the tokenizer: it {what}", hint))
