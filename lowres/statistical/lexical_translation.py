"""Which word means which, from sentences and their translations: IBM model 1 both ways (Brown et al. 1993)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ITERATIONS = 6
LONGEST = 60  # words of a sentence that are read
MOST_PAIRS = 20_000
NULL = "\0"
LEAST = 0.08
BEST = 4

Meanings = Mapping[str, Sequence[tuple[str, float]]]


def meanings(pairs: Sequence[tuple[Sequence[str], Sequence[str]]]) -> dict[str, list[tuple[str, float]]]:
    """For each word of the first side its best translations, with weights that add up to 1.

    A translation's weight is the geometric mean of both directions' probabilities, at least LEAST; the word itself
    counts like any other. Words without such a translation are left out.
    """
    links = Links.of(pairs[:MOST_PAIRS])
    there, back = links.probabilities(0), links.probabilities(1)
    both = np.sqrt(there * back)
    found: dict[str, list[tuple[str, float]]] = {}
    for number in np.flatnonzero(both >= LEAST):
        word, other = links.words[0][links.first[number]], links.words[1][links.second[number]]
        if NULL not in (word, other):
            found.setdefault(word, []).append((other, float(both[number])))
    for word, rivals in found.items():
        best = sorted(rivals, key=lambda rival: (-rival[1], rival[0]))[:BEST]
        total = sum(weight for _, weight in best)
        found[word] = [(other, weight / total) for other, weight in best]
    return found


@dataclass(frozen=True)
class Links:
    """Every pair of words that stand in a sentence and its translation.

    `first` and `second` name the words of each distinct pair; `pair` says which pair a link is of, `places` to which
    place (a word in its sentence) it belongs on either side.
    """

    words: tuple[list[str], list[str]]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    pair: NDArray[np.int64]
    places: tuple[NDArray[np.int64], NDArray[np.int64]]

    @classmethod
    def of(cls, pairs: Sequence[tuple[Sequence[str], Sequence[str]]]) -> "Links":
        """Each side of each sentence also has the empty word, for what has no translation."""
        vocabulary: tuple[dict[str, int], dict[str, int]] = ({NULL: 0}, {NULL: 0})
        keys, left_places, right_places = [], [], []
        at = [0, 0]
        for pair in pairs:
            sides = []
            for side in (0, 1):
                known = vocabulary[side]
                sides.append(np.array([0, *(known.setdefault(word, len(known)) for word in pair[side][:LONGEST])]))
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
        chance = np.ones(len(self.first))
        for _ in range(ITERATIONS):
            link = chance[self.pair]
            link /= np.bincount(place, weights=link)[place]
            counts = np.bincount(self.pair, weights=link, minlength=len(chance))
            chance = counts / np.bincount(condition, weights=counts)[condition]
        return chance
