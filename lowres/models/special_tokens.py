"""The special tokens of a base, from its small files or its family, without loading a tokenizer. Imports nothing heavy."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lowres.models.checkpoint import Checkpoint
from lowres.models.weight_files import read_json

# What a base has whose files are not here yet: starters before they are built, and those of KNOWN.
OF_EVERY_FAMILY = "</?s>|<pad>|<unk>|<mask>"
OF_FAMILY: Mapping[str, str] = {
    "M2M100 (NLLB)": "</?s>|<pad>|<unk>|<mask>|[a-z]{3}_[A-Z][a-z]{3}",
    "mT5": r"</s>|<pad>|<unk>|<extra_id_\d+>",
}
MAPS = ("special_tokens_map.json", "tokenizer_config.json")
LANGUAGE_CODE = re.compile(r"[a-z]{3}_[A-Z][a-z]{3}")  # as NLLB writes them
_ADDED = re.compile(r'"added_tokens"\s*:\s*')


def special_token_pattern(checkpoint: Checkpoint) -> re.Pattern[str] | None:
    """A pattern for the names of a base's special and added tokens in a text; None where it has none.

    Raises ModelError where one of the files is damaged.
    """
    folder = checkpoint.folder
    here = folder != Path() and any((folder / name).exists() for name in (*MAPS, "tokenizer.json"))
    if not here:
        return re.compile(OF_FAMILY.get(checkpoint.architecture.family, OF_EVERY_FAMILY))
    names = special_names(checkpoint)
    return re.compile("|".join(map(re.escape, sorted(names, key=lambda name: (-len(name), name))))) if names else None


def special_names(checkpoint: Checkpoint) -> set[str]:
    """The names of a base's special and added tokens, from its small files; not white space, which Gemma has as added tokens."""
    return {name for name in _names(checkpoint.folder) if name.strip()}


def _names(folder: Path) -> Iterator[str]:
    for path in (folder / name for name in MAPS if (folder / name).exists()):
        stated = read_json(path)
        for key, value in stated.items():
            if key.endswith("_token"):
                yield from _contents([value])
            elif key.endswith("special_tokens") and isinstance(value, (dict, list)):  # not split_special_tokens
                yield from _contents(value.values() if isinstance(value, dict) else value)
        yield from _contents((stated.get("added_tokens_decoder") or {}).values())
    if (added := folder / "added_tokens.json").exists():
        yield from read_json(added)
    if (whole := folder / "tokenizer.json").exists():
        text = whole.read_text(encoding="utf-8")
        if begin := _ADDED.search(text):  # the list alone: reading the vocabulary takes a hundred times as long
            try:
                yield from _contents(json.JSONDecoder().raw_decode(text, begin.end())[0])
            except ValueError:
                read_json(whole)  # names the file and what is wrong with it


def _contents(tokens: Any) -> Iterator[str]:
    """The strings of tokens, each written as a string or as an object with its `content`."""
    for token in tokens or ():
        content = token.get("content") if isinstance(token, dict) else token
        if isinstance(content, str):
            yield content
