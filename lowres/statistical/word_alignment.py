"""One-to-one word alignment of sentence pairs, and the phrase pairs that are consistent with it.

The strongest links are made first (competitive linking, Melamed 2000, Computational Linguistics 26:2), by how often words
occur together at similar places and how similar their spelling is. Runs of words that are aligned only among themselves are
phrases (Och & Ney 2004, Computational Linguistics 30:4). What a translation must copy (addresses, markup, placeholders) is
one word, aligned to nothing but itself, and all of it counts as the same word.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import regex

from lowres.languages import normalise
from lowres.languages.placeholders import PLACEHOLDER

WORD = regex.compile(rf"{PLACEHOLDER.pattern} | [\w\p{{M}}]+(?:['’ʼ\-][\w\p{{M}}]+)*['’ʼ]? | [^\w\s]", regex.VERBOSE)
PLACEHOLDER_WORD = "\ufffc"  # U+FFFC OBJECT REPLACEMENT CHARACTER, stands for every placeholder
DISTANCE_SCALE = 0.15  # share of a sentence by which a word's translation usually differs in place
MAX_DISTANCE = 0.35
MIN_ASSOCIATION = 0.02  # words with less association are not aligned
SIMILARITY_WEIGHT = 0.3  # added for words of the same spelling (names, numbers, loans), in part for similar ones
ROUNDS = 2
MAX_WORDS = 80  # words of a sentence that are aligned
MAX_PHRASE = 4  # words of a phrase on either side: on dev of messages +0.9 chrF++ beside two words, of NusaX +0.1; six give no more

Words = tuple[str, ...]


@dataclass(frozen=True)
class AlignedPair:
    """The words of a sentence pair, and the aligned places (left, right), in order."""

    left: Words
    right: Words
    links: tuple[tuple[int, int], ...]

    def reversed(self) -> "AlignedPair":
        """The alignment of the opposite direction."""
        return AlignedPair(self.right, self.left, tuple(sorted((j, i) for i, j in self.links)))

    def phrases(self) -> Iterator[tuple[str, str]]:
        """Phrase pairs consistent with the alignment; unaligned words at the edge may join; "" for a word without a translation."""
        to = dict(self.links)
        back = {j: i for i, j in self.links}
        for i, word in enumerate(self.left):
            if i not in to and word[0].isalnum():
                yield word, ""
            for end in range(i + 1, min(i + MAX_PHRASE, len(self.left)) + 1):
                reached = [to[k] for k in range(i, end) if k in to]
                if not reached:
                    continue
                low, high = min(reached), max(reached) + 1
                if high - low > MAX_PHRASE or any(j in back and not i <= back[j] < end for j in range(low, high)):
                    continue
                if self.left[i:end].count(PLACEHOLDER_WORD) != self.right[low:high].count(PLACEHOLDER_WORD):
                    continue  # a placeholder would be lost or invented
                for first in self._reach(low, -1, back, MAX_PHRASE - (high - low)):
                    for last in self._reach(high - 1, 1, back, MAX_PHRASE - (high - first)):
                        yield " ".join(self.left[i:end]), " ".join(self.right[first : last + 1])

    def _reach(self, j: int, step: int, back: Mapping[int, int], most: int) -> Iterator[int]:
        """The place itself and those beyond it, up to an aligned word or punctuation."""
        yield j
        for k in range(j + step, j + step * (most + 1), step):
            if not 0 <= k < len(self.right) or k in back or not self.right[k][0].isalnum():
                return
            yield k


def align_pairs(pairs: Sequence[tuple[str, str]]) -> tuple[AlignedPair, ...]:
    """The word alignment of (text, translation) pairs."""
    sides = [(_words(left)[:MAX_WORDS], _words(right)[:MAX_WORDS]) for left, right in pairs]
    association = _cooccurrence(sides)
    found: list[AlignedPair] = []
    for _ in range(ROUNDS):
        found = [_align(left, right, association) for left, right in sides]
        association = _link_association(found)
    return tuple(AlignedPair(_placeholders(pair.left), _placeholders(pair.right), pair.links) for pair in found)


def _words(text: str) -> Words:
    """Its words in lower case; placeholders are prefixed, so that they equal no other word."""
    found = WORD.findall(normalise(text))
    return tuple(PLACEHOLDER_WORD + word if PLACEHOLDER.fullmatch(word) else word.lower() for word in found)


def _placeholders(words: Words) -> Words:
    return tuple(word[0] if word[0] == PLACEHOLDER_WORD else word for word in words)


@lru_cache(maxsize=1 << 16)
def _bigrams(word: str) -> frozenset[str]:
    """Pairs of neighbouring letters, and of letters with one between."""
    whole = f"^{word}$"
    neighbours = {whole[i : i + 2] for i in range(len(whole) - 1)}
    return frozenset(neighbours | {f"{whole[i]}_{whole[i + 2]}" for i in range(len(whole) - 2)})


def similarity(word: str, other: str) -> float:
    """Similarity of the spelling of two words, 0 to 1: Dice's coefficient over letter pairs (Brew & McKelvie 1996)."""
    if word == other:
        return 1.0
    if not (word[0].isalpha() and other[0].isalpha()):
        return 0.0
    one, two = _bigrams(word), _bigrams(other)
    return 2 * len(one & two) / (len(one) + len(two))


def _distance(i: int, left: int, j: int, right: int) -> float:
    """Difference of the relative places of two words in their sentences."""
    return abs((i + 0.5) / left - (j + 0.5) / right)


def _cooccurrence(sides: Sequence[tuple[Words, Words]]) -> dict[tuple[str, str], float]:
    """Dice's coefficient of every two words; an occurrence together counts less the farther apart the words are."""
    seen: list[Counter[str]] = [Counter(), Counter()]
    joint: dict[tuple[str, str], float] = {}
    for left, right in sides:
        seen[0].update(set(left))
        seen[1].update(set(right))
        best: dict[tuple[str, str], float] = {}
        for i, word in enumerate(left):
            for j, other in enumerate(right):
                apart = _distance(i, len(left), j, len(right))
                if apart < MAX_DISTANCE:
                    near = math.exp(-((apart / DISTANCE_SCALE) ** 2))
                    if near > best.get((word, other), 0.05):
                        best[word, other] = near
        for pair, near in best.items():
            joint[pair] = joint.get(pair, 0.0) + near
    return {
        pair: 2 * near / (seen[0][pair[0]] + seen[1][pair[1]]) + SIMILARITY_WEIGHT * similarity(*pair)
        for pair, near in joint.items()
    }


def _link_association(align_pairs: Sequence[AlignedPair]) -> dict[tuple[str, str], float]:
    """Dice's coefficient of every two words over the alignments found so far."""
    joint: Counter[tuple[str, str]] = Counter()
    left: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for x in align_pairs:
        for i, j in x.links:
            a, b = x.left[i], x.right[j]
            joint[a, b] += 1
            left[a] += 1
            right[b] += 1
    return {
        (a, b): 2 * c / (left[a] + right[b] + 1) + SIMILARITY_WEIGHT * similarity(a, b) for (a, b), c in joint.items()
    }


def _align(left: Words, right: Words, association: Mapping[tuple[str, str], float]) -> AlignedPair:
    """One-to-one alignment of a sentence pair, the strongest links first."""
    rivals = []
    for i, word in enumerate(left):
        for j, other in enumerate(right):
            strength = association.get((word, other), 0.0)
            if word == other and word[0] == PLACEHOLDER_WORD:  # before all others, at any distance
                rivals.append((2.0 - _distance(i, len(left), j, len(right)), i, j))
            elif strength >= MIN_ASSOCIATION and (word == other or (word[0].isalnum() and other[0].isalnum())):
                apart = _distance(i, len(left), j, len(right))
                if apart < MAX_DISTANCE:
                    rivals.append((strength * math.exp(-((apart / DISTANCE_SCALE) ** 2) / 2), i, j))
    rivals.sort(key=lambda rival: (-rival[0], rival[1], rival[2]))
    used: tuple[set[int], set[int]] = (set(), set())
    links = []
    for strength, i, j in rivals:
        if strength < MIN_ASSOCIATION:
            break
        if i not in used[0] and j not in used[1]:
            used[0].add(i)
            used[1].add(j)
            links.append((i, j))
    return AlignedPair(left, right, tuple(sorted(links)))
