"""Words of sentence pairs linked one to one, and the phrases that the links make.

The strongest links come first (competitive linking, Melamed 2000, Computational Linguistics 26:2), by how often words stand
together at like places and how alike they are spelled. Runs of words that are linked only among themselves are phrases
(Och & Ney 2004, Computational Linguistics 30:4). What a translation must leave as it is (addresses, markup, places to be
filled in) is one word, linked to nothing but itself, and any of it counts as the same word.
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
MARK = "\ufffc"  # U+FFFC OBJECT REPLACEMENT CHARACTER, for all that is fixed
WIDTH = 0.15  # of a sentence: how far a word's translation usually strays from its place
FARTHEST = 0.35
LEAST = 0.02  # association below which words are not linked
ALIKE = 0.3  # added where both words are spelled the same (names, numbers, loans), in part where they are alike
ROUNDS = 2
LONGEST = 80  # words of a sentence that are linked
SPAN = 2  # words of a phrase, on either side; three gained nothing clear and make the file larger

Words = tuple[str, ...]


@dataclass(frozen=True)
class Linked:
    """The words of a sentence pair, and the places (left, right) that are linked, in order."""

    left: Words
    right: Words
    links: tuple[tuple[int, int], ...]

    def reversed(self) -> "Linked":
        """The other way round."""
        return Linked(self.right, self.left, tuple(sorted((j, i) for i, j in self.links)))

    def phrases(self) -> Iterator[tuple[str, str]]:
        """Runs of words that are linked only among themselves; unlinked words beside them may join; "" for a word left out."""
        to = dict(self.links)
        back = {j: i for i, j in self.links}
        for i, word in enumerate(self.left):
            if i not in to and word[0].isalnum():
                yield word, ""
            for end in range(i + 1, min(i + SPAN, len(self.left)) + 1):
                reached = [to[k] for k in range(i, end) if k in to]
                if not reached:
                    continue
                low, high = min(reached), max(reached) + 1
                if high - low > SPAN or any(j in back and not i <= back[j] < end for j in range(low, high)):
                    continue
                if self.left[i:end].count(MARK) != self.right[low:high].count(MARK):
                    continue  # what is fixed would be lost, or made up
                for first in self._reach(low, -1, back, SPAN - (high - low)):
                    for last in self._reach(high - 1, 1, back, SPAN - (high - first)):
                        yield " ".join(self.left[i:end]), " ".join(self.right[first : last + 1])

    def _reach(self, j: int, step: int, back: Mapping[int, int], most: int) -> Iterator[int]:
        """The place itself and those beyond it, up to a linked word or a sign."""
        yield j
        for k in range(j + step, j + step * (most + 1), step):
            if not 0 <= k < len(self.right) or k in back or not self.right[k][0].isalnum():
                return
            yield k


def linked(pairs: Sequence[tuple[str, str]]) -> tuple[Linked, ...]:
    """The (text, translation) pairs with their words linked."""
    sides = [(_words(left)[:LONGEST], _words(right)[:LONGEST]) for left, right in pairs]
    association = _together(sides)
    found: list[Linked] = []
    for _ in range(ROUNDS):
        found = [_linked(left, right, association) for left, right in sides]
        association = _linked_often(found)
    return tuple(Linked(_marked(pair.left), _marked(pair.right), pair.links) for pair in found)


def _words(text: str) -> Words:
    """Its words; before those that are fixed stands the mark, so that they are like no other."""
    found = WORD.findall(normalise(text))
    return tuple(MARK + word if PLACEHOLDER.fullmatch(word) else word.lower() for word in found)


def _marked(words: Words) -> Words:
    return tuple(word[0] if word[0] == MARK else word for word in words)


@lru_cache(maxsize=1 << 16)
def _bits(word: str) -> frozenset[str]:
    """Letters beside each other, and with one between."""
    whole = f"^{word}$"
    auxiliary = {whole[i : i + 2] for i in range(len(whole) - 1)}
    return frozenset(auxiliary | {f"{whole[i]}_{whole[i + 2]}" for i in range(len(whole) - 2)})


def alike(word: str, other: str) -> float:
    """How alike two words are spelled, 0 to 1: Dice's coefficient over bits of them (Brew & McKelvie 1996)."""
    if word == other:
        return 1.0
    if not (word[0].isalpha() and other[0].isalpha()):
        return 0.0
    one, two = _bits(word), _bits(other)
    return 2 * len(one & two) / (len(one) + len(two))


def _distance(i: int, left: int, j: int, right: int) -> float:
    """How far apart two words stand, as a share of their sentences."""
    return abs((i + 0.5) / left - (j + 0.5) / right)


def _together(sides: Sequence[tuple[Words, Words]]) -> dict[tuple[str, str], float]:
    """Dice's coefficient of every two words, where standing together counts the less the farther apart they stand."""
    seen: list[Counter[str]] = [Counter(), Counter()]
    joint: dict[tuple[str, str], float] = {}
    for left, right in sides:
        seen[0].update(set(left))
        seen[1].update(set(right))
        best: dict[tuple[str, str], float] = {}
        for i, word in enumerate(left):
            for j, other in enumerate(right):
                apart = _distance(i, len(left), j, len(right))
                if apart < FARTHEST:
                    near = math.exp(-((apart / WIDTH) ** 2))
                    if near > best.get((word, other), 0.05):
                        best[word, other] = near
        for pair, near in best.items():
            joint[pair] = joint.get(pair, 0.0) + near
    return {
        pair: 2 * near / (seen[0][pair[0]] + seen[1][pair[1]]) + ALIKE * alike(*pair) for pair, near in joint.items()
    }


def _linked_often(linked: Sequence[Linked]) -> dict[tuple[str, str], float]:
    """Dice's coefficient over the links themselves."""
    joint: Counter[tuple[str, str]] = Counter()
    left: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for x in linked:
        for i, j in x.links:
            a, b = x.left[i], x.right[j]
            joint[a, b] += 1
            left[a] += 1
            right[b] += 1
    return {(a, b): 2 * c / (left[a] + right[b] + 1) + ALIKE * alike(a, b) for (a, b), c in joint.items()}


def _linked(left: Words, right: Words, association: Mapping[tuple[str, str], float]) -> Linked:
    """One-to-one links of a pair, the strongest first."""
    rivals = []
    for i, word in enumerate(left):
        for j, other in enumerate(right):
            strength = association.get((word, other), 0.0)
            if word == other and word[0] == MARK:  # before all others, however far
                rivals.append((2.0 - _distance(i, len(left), j, len(right)), i, j))
            elif strength >= LEAST and (word == other or (word[0].isalnum() and other[0].isalnum())):
                apart = _distance(i, len(left), j, len(right))
                if apart < FARTHEST:
                    rivals.append((strength * math.exp(-((apart / WIDTH) ** 2) / 2), i, j))
    rivals.sort(key=lambda rival: (-rival[0], rival[1], rival[2]))
    used: tuple[set[int], set[int]] = (set(), set())
    links = []
    for strength, i, j in rivals:
        if strength < LEAST:
            break
        if i not in used[0] and j not in used[1]:
            used[0].add(i)
            used[1].add(j)
            links.append((i, j))
    return Linked(left, right, tuple(sorted(links)))
