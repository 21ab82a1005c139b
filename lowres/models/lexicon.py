"""A word dictionary learned from sentence pairs, and translation word by word with it.

Words are linked one to one, the strongest links first (competitive linking, Melamed 2000, Computational Linguistics 26:2), by how
often they stand together at like places. Between close languages this comes near to a trained model; and a model that is
shown its translation with each source learns sooner (Zhang et al. 2021 for such hints).
"""

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import regex

from lowres.languages import normalise

WORD = regex.compile(r"[\w\p{M}]+(?:['’ʼ\-][\w\p{M}]+)*['’ʼ]?|[^\w\s]")
WIDTH = 0.15  # of a sentence: how far a word's translation usually strays from its place
FARTHEST = 0.35
LEAST = 0.02  # association below which words are not linked
ALIKE = 0.3  # added where both words are the same: names, numbers, loans
ROUNDS = 2
OWN = 0.5  # what a word itself counts as a translation
LONGEST = 80  # words of a sentence that are linked

Counts = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class Lexicon:
    """How often each word was linked to which. `links` are those of each pair that it was learned from, to leave it out."""

    counts: Counts
    links: tuple[tuple[tuple[str, str], ...], ...] = ()

    @classmethod
    def learn(cls, pairs: Sequence[tuple[str, str]]) -> "Lexicon":
        """From (text, translation) pairs."""
        sides = [(_words(left)[:LONGEST], _words(right)[:LONGEST]) for left, right in pairs]
        association = _together(sides)
        links: list[tuple[tuple[str, str], ...]] = []
        counts: dict[str, dict[str, int]] = {}
        for _ in range(ROUNDS):
            links = [_linked(left, right, association) for left, right in sides]
            counts = _counted(links)
            association = _linked_often(counts)
        return cls(counts, tuple(links))

    def reversed(self) -> "Lexicon":
        """The other way round."""
        links = tuple(tuple((right, left) for left, right in found) for found in self.links)
        return Lexicon(_counted(links), links)

    def translate(self, text: str, leave: int | None = None) -> str:
        """The text word by word; what has no translation stays, and so do spaces, signs and capitals.

        With `leave`, what was learned from that pair alone is not known.
        """
        own = Counter(self.links[leave]) if leave is not None else Counter[tuple[str, str]]()

        def replaced(match: "regex.Match[str]") -> str:
            word = match.group()
            key = word.lower()
            best, most = key, OWN
            for other, count in self.counts.get(key, {}).items():
                weight = count - own[key, other] + (OWN if other == key else 0.0)
                if weight > most:
                    best, most = other, weight
            return word if best == key else _dressed(best, word)

        return str(WORD.sub(replaced, text))


def save_lexicons(path: Path, lexicons: Mapping[tuple[str, str], Lexicon]) -> None:
    """Write the counts of each direction as JSON."""
    whole = {f"{source}→{target}": found.counts for (source, target), found in lexicons.items()}
    path.write_text(json.dumps(whole, ensure_ascii=False), encoding="utf-8")


def load_lexicons(path: Path) -> dict[tuple[str, str], Lexicon]:
    """Read them back."""
    whole = json.loads(path.read_text(encoding="utf-8"))
    found = {}
    for way, counts in whole.items():
        source, target = way.split("→")
        found[source, target] = Lexicon(counts)
    return found


def learn_lexicons(texts: Mapping[tuple[str, str], Sequence[tuple[str, str]]]) -> dict[tuple[str, str], Lexicon]:
    """The lexicon of each direction from its pairs; where both directions hold the same pairs, they are linked once."""
    found: dict[tuple[str, str], Lexicon] = {}
    for (source, target), pairs in texts.items():
        back = texts.get((target, source))
        if (target, source) in found and back is not None and [pair[::-1] for pair in back] == list(pairs):
            found[source, target] = found[target, source].reversed()
        else:
            found[source, target] = Lexicon.learn(pairs)
    return found


def _words(text: str) -> list[str]:
    return [word.lower() for word in WORD.findall(normalise(text))]


def _distance(i: int, left: int, j: int, right: int) -> float:
    """How far apart two words stand, as a share of their sentences."""
    return abs((i + 0.5) / left - (j + 0.5) / right)


def _together(sides: Sequence[tuple[list[str], list[str]]]) -> dict[tuple[str, str], float]:
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
        pair: 2 * near / (seen[0][pair[0]] + seen[1][pair[1]]) + ALIKE * (pair[0] == pair[1])
        for pair, near in joint.items()
    }


def _linked_often(counts: Counts) -> dict[tuple[str, str], float]:
    """Dice's coefficient over the links themselves."""
    left = {word: sum(others.values()) for word, others in counts.items()}
    right: Counter[str] = Counter()
    for others in counts.values():
        right.update(others)
    return {
        (word, other): 2 * count / (left[word] + right[other] + 1) + ALIKE * (word == other)
        for word, others in counts.items()
        for other, count in others.items()
    }


def _linked(
    left: list[str], right: list[str], association: Mapping[tuple[str, str], float]
) -> tuple[tuple[str, str], ...]:
    """One-to-one links of a pair, the strongest first."""
    rivals = []
    for i, word in enumerate(left):
        for j, other in enumerate(right):
            strength = association.get((word, other), 0.0)
            if strength >= LEAST:
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
            links.append((left[i], right[j]))
    return tuple(links)


def _counted(links: Sequence[Sequence[tuple[str, str]]]) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    for found in links:
        for word, other in found:
            others = counts.setdefault(word, {})
            others[other] = others.get(other, 0) + 1
    return counts


def _dressed(word: str, like: str) -> str:
    """The word with the capitals of another: all, the first, or none."""
    if like.isupper() and len(like) > 1:
        return word.upper()
    return word[:1].upper() + word[1:] if like[:1].isupper() else word
