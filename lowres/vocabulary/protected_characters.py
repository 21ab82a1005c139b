"""Characters that the base's normalisation would replace by others: ʰ by h, ª by a, ﬀ by ff.

Before normalisation they become private-use characters (U+F300 and on), which are not normalised and get tokens of their
own; decoding turns them back.
"""

import json
from collections.abc import Sequence
from dataclasses import replace

from lowres.errors import DataError, Problem
from lowres.vocabulary.tokenizer_json import TokenizerJson

FIRST_PRIVATE = 0xF300


def protect_characters(base: TokenizerJson, letters: Sequence[str]) -> TokenizerJson:
    """A copy of the tokenizer that keeps these characters. Raises DataError for a character that the base keeps anyway."""
    if not letters:
        return base
    layout = json.loads(json.dumps(base.layout))
    private = {chr(FIRST_PRIVATE + number): letter for number, letter in enumerate(dict.fromkeys(letters))}
    for letter in private.values():
        if letter in base.normalised(letter):
            raise DataError(
                Problem("vocabulary.protected_characters", f"“{letter}” is not changed by this base", "leave it out")
            )
    steps = layout["normalizer"][
        "normalizers"
    ]  # NFC first, then the protected characters, then the steps that would replace them
    layout["normalizer"]["normalizers"] = [
        steps[0],
        *(_swap(letter, sign) for sign, letter in private.items()),
        *steps[1:],
    ]
    back = [_swap(sign, letter) for sign, letter in private.items()]
    layout["decoder"] = {"type": "Sequence", "decoders": [*([layout["decoder"]] if layout["decoder"] else []), *back]}
    return replace(base, layout=layout, stands_for=private)


def as_the_base_writes(name: str, base: TokenizerJson) -> str:
    """A token in the characters of the base: each private-use character becomes what the base makes of the protected one."""
    for sign, letter in base.stands_for.items():
        if sign in name:
            name = name.replace(sign, _without_letters(base).normalised(letter).strip())
    return name


def _without_letters(base: TokenizerJson) -> TokenizerJson:
    layout = json.loads(json.dumps(base.layout))
    del layout["normalizer"]["normalizers"][1 : 1 + len(base.stands_for)]
    return replace(base, layout=layout, stands_for={})


def _swap(old: str, new: str) -> dict[str, object]:
    return {"type": "Replace", "pattern": {"String": old}, "content": new}
