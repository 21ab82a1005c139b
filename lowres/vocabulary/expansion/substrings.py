"""Counting substrings of words, extended by one character at a time, so that time and memory depend on the useful ones only."""

from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Alive = Callable[[Sequence[str], NDArray[np.int64]], NDArray[np.bool_]]


def count_substrings(words: Mapping[str, int], longest: int, alive: Alive) -> dict[str, int]:
    """Occurrences of substrings of up to `longest` characters in words with their counts.

    `alive(substrings, counts)` says which of the substrings of one length are returned and grown by the next character;
    a substring is only met if all its beginnings were alive.
    """
    if not words:
        return {}
    text = "".join(words)
    lengths = np.fromiter((len(word) for word in words), np.int64, len(words))
    codes = np.frombuffer(text.encode("utf-32-le"), np.uint32).astype(np.int64)
    ends = np.repeat(np.cumsum(lengths), lengths)
    weights = np.repeat(np.fromiter(words.values(), np.int64, len(words)), lengths)
    at, group = np.arange(len(codes)), np.zeros(len(codes), np.int64)
    found: dict[str, int] = {}
    for length in range(1, longest + 1):
        inside = at + length <= ends[at]
        at, group = at[inside], group[inside]
        if not len(at):
            break
        _, first, group = np.unique(group * 0x110000 + codes[at + length - 1], return_index=True, return_inverse=True)
        counts = np.bincount(group, weights=weights[at]).astype(np.int64)
        substrings = [text[start : start + length] for start in at[first]]
        living = alive(substrings, counts)
        found.update((substrings[i], int(counts[i])) for i in np.flatnonzero(living))
        stay = living[group]
        at, group = at[stay], group[stay]
    return found


def members(strings: Collection[str], words: Mapping[str, int]) -> set[str]:
    """Those of some strings that occur in the words."""
    characters = {character for word in words for character in word}
    possible = {string for string in strings if characters.issuperset(string)}
    beginnings = {string[:length] for string in possible for length in range(1, len(string) + 1)}
    found = count_substrings(words, max(map(len, possible), default=0), among(beginnings))
    return possible & found.keys()


def among(strings: set[str]) -> Alive:
    """Alive are the members of a set."""

    def alive(substrings: Sequence[str], counts: NDArray[np.int64]) -> NDArray[np.bool_]:
        return np.fromiter((substring in strings for substring in substrings), np.bool_, len(substrings))

    return alive
