"""Word-by-word translation with a dictionary that is learned from sentence pairs.

Between close languages word order hardly differs, and this simple method is a strong baseline.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import regex
from numpy.typing import NDArray
from scipy.sparse import csr_array

# A word begins with a letter or digit of any script and may hold apostrophes and hyphens; at the end, an apostrophe is a
# letter of many languages (a glottal stop). Other punctuation stays where it stands.
_INNER = "'’-"
_WORD = regex.compile(rf"\w[\w{_INNER}]*")
LEAST_TOGETHER = 2
LEAST_DICE = 0.5
# Source words that are counted at a time.
_BLOCK = 2_000


def dictionary_of(texts: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The target word most associated with each source word in (source, target) texts; all in lower case.

    Association is Dice's coefficient, 2 · pairs with both / (pairs with the one + pairs with the other) (Dice 1945, doi
    10.2307/1932409). Words that occur together in fewer than `LEAST_TOGETHER` pairs, or with a coefficient below
    `LEAST_DICE`, are left out. Of equals, the word itself comes first (names, loans), then the one met first.
    """
    sources, source_words = _occurrences([source for source, _ in texts])
    targets, target_words = _occurrences([target for _, target in texts])
    if not source_words or not target_words:
        return {}
    frequency = np.asarray(targets.sum(axis=0)).ravel()
    place = {word: number for number, word in enumerate(target_words)}
    itself = np.array([place.get(word, -1) for word in source_words])
    found: dict[str, str] = {}
    for start in range(0, len(source_words), _BLOCK):
        block = sources[:, start : start + _BLOCK]
        together = (block.T @ targets).tocoo()
        word, other, count = together.row, together.col, together.data
        dice = 2 * count / (np.asarray(block.sum(axis=0)).ravel()[word] + frequency[other])
        kept = (count >= LEAST_TOGETHER) & (dice >= LEAST_DICE)
        word, other, dice = word[kept], other[kept], dice[kept]
        order = np.lexsort((other, other != itself[start + word], -dice, word))
        first = order[np.unique(word[order], return_index=True)[1]]
        found.update((source_words[start + word[at]], target_words[other[at]]) for at in first)
    return found


def substitute(text: str, words: Mapping[str, str]) -> str:
    """The text with its words replaced by their translations in `words`, whose keys are in lower case.

    Capitals are carried over; punctuation and unknown words stay as they are.
    """

    def replaced(match: Any) -> str:
        whole: str = match.group()
        # An apostrophe or hyphen at the end that no known word has is a closing quotation mark or a dash.
        word = whole if whole.lower() in words else whole.rstrip(_INNER)
        translation = words.get(word.lower(), word.lower())
        return whole if translation == word.lower() else _capitals_of(word)(translation) + whole[len(word) :]

    return str(_WORD.sub(replaced, text))


def _capitals_of(word: str) -> Callable[[str], str]:
    """A function that gives another word the capitals of this one: all, the first, or none."""
    if word.isupper() and len(word) > 1:
        return str.upper
    return _with_capital if word[0].isupper() else str


def _with_capital(word: str) -> str:
    return word[:1].upper() + word[1:]


def _occurrences(texts: Sequence[str]) -> tuple[Any, list[str]]:
    """A matrix of 0 and 1, (texts, words), of which word occurs in which text, and the words in the order they are met."""
    number_of: dict[str, int] = {}
    rows: list[int] = []
    columns: list[int] = []
    for row, text in enumerate(texts):
        present = dict.fromkeys(word.lower() for word in _WORD.findall(text))
        columns += [number_of.setdefault(word, len(number_of)) for word in present]
        rows += [row] * len(present)
    ones: NDArray[np.float64] = np.ones(len(rows))
    return csr_array((ones, (rows, columns)), shape=(len(texts), len(number_of))), list(number_of)
