"""Letters that the base's normalisation would fold into others: ʰ into h, ª into a, ﬀ into ff.

Before that normalisation they become private signs (U+F300 and on), which nothing folds and which get pieces of their own;
when text is put together again they are turned back.
"""

import json
from collections.abc import Sequence
from dataclasses import replace

from lowres.errors import DataError, Problem
from lowres.vocabulary.tokenizer_json import TokenizerJson

FIRST_SIGN = 0xF300


def with_letters(base: TokenizerJson, letters: Sequence[str]) -> TokenizerJson:
    """The base with these letters kept apart. Raises DataError for one that the base keeps anyway."""
    if not letters:
        return base
    layout = json.loads(json.dumps(base.layout))
    signs = {chr(FIRST_SIGN + number): letter for number, letter in enumerate(dict.fromkeys(letters))}
    for letter in signs.values():
        if letter in base.normalised(letter):
            raise DataError(
                Problem("vocabulary.protected_characters", f"“{letter}” is not folded by this base", "leave it out")
            )
    steps = layout["normalizer"]["normalizers"]  # NFC first, then the letters, then what would fold them
    layout["normalizer"]["normalizers"] = [
        steps[0],
        *(_swap(letter, sign) for sign, letter in signs.items()),
        *steps[1:],
    ]
    back = [_swap(sign, letter) for sign, letter in signs.items()]
    layout["decoder"] = {"type": "Sequence", "decoders": [*([layout["decoder"]] if layout["decoder"] else []), *back]}
    return replace(base, layout=layout, stands_for=signs)


def folded(name: str, base: TokenizerJson) -> str:
    """A piece as the base itself would write it: private signs become what their letters are folded into."""
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
