"""Which strings may become tokens: one class of characters, at most one word, no combining mark without its letter."""

import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from lowres.vocabulary.expansion.substrings import count_substrings
from lowres.vocabulary.tokenizer_json import WORD_START

LONGEST_TOKEN = 16
# Characters that are letters, or join letters, in many orthographies: apostrophes, saltillo, joiners.
IN_WORDS = frozenset("'’‘ʼʻʽꞌ꞉\u200c\u200d")
HYPHENS = frozenset("-\u2010\u2011")  # not letters, but what they join is one word: Zulu's e-, u-, i- before names
KINDS = {"L": "letter", "N": "digit", "P": "sign", "S": "sign"}
PRIVATE = "Co"  # stands for a protected character: protected_characters.py


@cache
def kind(character: str) -> str:
    """The class of a character: letter, digit, sign, mark (may follow any) or empty for all others."""
    if character in IN_WORDS or character in HYPHENS:
        return "letter"
    category = unicodedata.category(character)
    if category == PRIVATE:
        return "letter"
    return "mark" if category[0] == "M" else KINDS.get(category[0], "")


def candidates(words: Mapping[str, int], least: int) -> dict[str, int]:
    """Substrings that occur at least `least` times and could be tokens, with their counts."""

    def alive(substrings: Sequence[str], counts: NDArray[np.int64]) -> NDArray[np.bool_]:
        fits = (count >= least and _grows(string) for string, count in zip(substrings, counts, strict=True))
        return np.fromiter(fits, np.bool_, len(substrings))

    found = count_substrings(words, LONGEST_TOKEN, alive)
    return {string: count for string, count in found.items() if _whole(string)}


def missing_characters(words: Mapping[str, int], known: Mapping[str, object]) -> dict[str, int]:
    """Characters of the words that have no token, with their counts; a letter brings its other case along."""
    found: dict[str, int] = {}
    for word, count in words.items():
        for character in word:
            if character not in known:
                found[character] = found.get(character, 0) + count
    for character in list(found):
        for twin in (character.lower(), character.upper()):
            if len(twin) == 1 and twin not in known and kind(twin) == "letter":
                found.setdefault(twin, 0)
    return {character: count for character, count in found.items() if kind(character)}


def _grows(string: str) -> bool:
    """Whether a token may begin so; only the last character is new."""
    if len(string) == 1:
        return string == WORD_START or kind(string) not in ("", "mark")
    last = kind(string[-1])
    if string[0] == WORD_START and len(string) == 2:
        return last not in ("", "mark") and string[1] != WORD_START
    return (
        string[-1] != WORD_START and last != "" and last in ("mark", kind(string[1 if string[0] == WORD_START else 0]))
    )


def _whole(string: str) -> bool:
    """Whether it is more than a character, and does not end in a sign that joins two letters."""
    letters = string.removeprefix(WORD_START)
    return bool(letters) and len(string) > 1 and letters[-1] not in "\u200c\u200d"
