"""Lexical translation probabilities from sentence pairs: IBM model 1 in both directions (Brown et al. 1993, CL 19:2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ITERATIONS = 6
MAX_WORDS = 60  # words of a sentence that are used
MAX_PAIRS = 20_000
NULL = "\0"
MIN_WEIGHT = 0.08
MAX_TRANSLATIONS = 4

Meanings = Mapping[str, Sequence[tuple[str, float]]]


def meanings(pairs: Sequence[tuple[Sequence[str], Sequence[str]]]) -> dict[str, list[tuple[str, float]]]:
    """For each word of the first side its best translations, with weights that add up to 1.

    A translation's weight is the geometric mean of both directions' probabilities, at least MIN_WEIGHT; the word itself
    counts like any other. Words without such a translation are left out.
    """
    word_pairs = WordPairs.of(pairs[:MAX_PAIRS])
    there, back = word_pairs.probabilities(0), word_pairs.probabilities(1)
    both = np.sqrt(there * back)
    found: dict[str, list[tuple[str, float]]] = {}
    for number in np.flatnonzero(both >= MIN_WEIGHT):
        word, other = word_pairs.words[0][word_pairs.first[number]], word_pairs.words[1][word_pairs.second[number]]
        if NULL not in (word, other):
            found.setdefault(word, []).append((other, float(both[number])))
    for word, rivals in found.items():
        best = sorted(rivals, key=lambda rival: (-rival[1], rival[0]))[:MAX_TRANSLATIONS]
        total = sum(weight for _, weight in best)
        found[word] = [(other, weight / total) for other, weight in best]
    return found


@dataclass(frozen=True)
class WordPairs:
    """Every pair of a word and a word of the translation of its sentence.

    `first` and `second` number the words of each distinct pair; `pair` gives the distinct pair of each occurrence, `places` the
    place (a word in its sentence) that it belongs to on either side.
    """

    words: tuple[list[str], list[str]]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    pair: NDArray[np.int64]
    places: tuple[NDArray[np.int64], NDArray[np.int64]]

    @classmethod
    def of(cls, pairs: Sequence[tuple[Sequence[str], Sequence[str]]]) -> "WordPairs":
        """The word pairs of sentence pairs. Each side of each sentence also has the empty word, for words without a translation."""
        vocabulary: tuple[dict[str, int], dict[str, int]] = ({NULL: 0}, {NULL: 0})
        keys, left_places, right_places = [], [], []
        at = [0, 0]
        for pair in pairs:
            sides = []
            for side in (0, 1):
                known = vocabulary[side]
                sides.append(np.array([0, *(known.setdefault(word, len(known)) for word in pair[side][:MAX_WORDS])]))
            left, right = sides
            keys.append((left[:, None] << 32 | right[None, :]).ravel())
            left_places.append(np.repeat(np.arange(len(left)) + at[0], len(right)))
            right_places.append(np.tile(np.arange(len(right)) + at[1], len(left)))
            at = [at[0] + len(left), at[1] + len(right)]
        joined = np.concatenate(keys) if keys else np.zeros(0, np.int64)
        distinct, pair_of = np.unique(joined, return_inverse=True)
        empty = np.zeros(0, np.int64)
        return cls(
            (list(vocabulary[0]), list(vocabulary[1])),
            distinct >> 32,
            distinct & 0xFFFFFFFF,
            pair_of,
            (
                np.concatenate(left_places) if left_places else empty,
                np.concatenate(right_places) if right_places else empty,
            ),
        )

    def probabilities(self, given: int) -> NDArray[np.float64]:
        """For each distinct pair, the probability of its word on the other side, given its word on side `given`."""
        condition = self.first if given == 0 else self.second
        place = self.places[1 - given]
        probability = np.ones(len(self.first))
        for _ in range(ITERATIONS):
            expected = probability[self.pair]
            expected /= np.bincount(place, weights=expected)[place]
            counts = np.bincount(self.pair, weights=expected, minlength=len(probability))
            probability = counts / np.bincount(condition, weights=counts)[condition]
        return probability
