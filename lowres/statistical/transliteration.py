"""Translations of unseen words by transliteration and by analogy, learned from words whose translations are known.

Transliteration replaces letter by letter, each in the context of its neighbours, with shorter contexts where these are rare. Analogy
takes the translation of a word of the same stem and changes its affixes (Langlais & Patry 2007, EMNLP).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from lowres.statistical.word_alignment import Words, similarity

ANALOGY = 2.0  # weight of a guess by analogy relative to one by letters
GUESSES = 4
MIN_SIMILARITY = 0.5  # only words at least this similar teach letter correspondences
CONTEXTS = ((0, 0), (0, 1), (1, 1), (1, 2), (2, 2))  # letters of context before and after
STEM, AFFIX = 4, 4  # letters: the shortest shared stem, the longest affix
VOWELS = frozenset("aeiouáàâãäåéèêëíìîïóòôõöúùûüəɛɔ")

Affixes = tuple[str, str]


class Transliterator:
    """Guesses translations of unseen words from `known` words and their translations."""

    def __init__(self, known: Mapping[str, str]) -> None:
        self.known = known
        self.letters: dict[str, dict[str, int]] = {}
        self.stems: dict[str, list[str]] = {}
        for word, other in known.items():
            for place, result in self._rules(word, other):
                outcomes = self.letters.setdefault(place, {})
                outcomes[result] = outcomes.get(result, 0) + 1
            for stem in _stems(word):
                self.stems.setdefault(stem, []).append(word)
        # for a change of affixes between two known words, the changes between their translations and the word pairs seen
        self.affixes: dict[tuple[Affixes, Affixes], dict[tuple[Affixes, Affixes] | None, list[Words]]] = {}
        for word, other in known.items():
            for relative, change in self._relatives(word):
                seen = self.affixes.setdefault(change, {})
                seen.setdefault(_change(known[relative], other), []).append((relative, word))

    def guesses(
        self, word: str, kept: float, relative: bool = True, left_out: AbstractSet[str] = frozenset()
    ) -> dict[str, float]:
        """Translations and their weights; `kept` is the prior of the unchanged word, words in `left_out` count as unseen."""
        found = {other: (1 - kept) * share for other, share in self._by_letters(word, left_out).items()}
        found[word] = found.get(word, 0.0) + kept
        for other, share in self._by_analogy(word, left_out).items() if relative else ():
            found[other] = found.get(other, 0.0) + ANALOGY * share
        return {
            other: weight for other, weight in found.items() if weight > 0
        }  # the share of a very long word may underflow to 0

    def _by_letters(self, word: str, left_out: AbstractSet[str]) -> dict[str, float]:
        off = Counter(
            rule for other in left_out if other in self.known for rule in self._rules(other, self.known[other])
        )
        beam = [(1.0, "")]
        for i in range(len(word) + 1):
            shares = {word[i - 1] if i else "": 1.0}
            for place in _places(word, i):
                outcomes = self.letters.get(place)
                if not outcomes:
                    break
                left = {result: count - off[place, result] for result, count in outcomes.items()} if off else outcomes
                total = sum(left.values()) + 1
                shares = {result: share / total for result, share in shares.items()}
                for result, count in left.items():
                    if count:
                        shares[result] = shares.get(result, 0.0) + count / total
            likely = sorted(shares.items(), key=lambda item: (-item[1], item[0]))[:3]
            longer = [(share * more, begun + result) for share, begun in beam for result, more in likely]
            beam = sorted(longer, reverse=True)[: 2 * GUESSES]
        found: dict[str, float] = {}
        for share, whole in beam:
            if whole and len(found) < GUESSES:
                found.setdefault(whole, share)
        return found

    def _by_analogy(self, word: str, left_out: AbstractSet[str]) -> dict[str, float]:
        found: dict[str, float] = {}
        for relative, change in self._relatives(word):
            if relative in left_out or change not in self.affixes:
                continue
            seen = {result: _left(two, left_out) for result, two in self.affixes[change].items()}
            total = sum(seen.values()) + 2
            other = self.known[relative]
            for result, count in seen.items():
                if result is None or count < 2:
                    continue
                (begin, end), (new_begin, new_end) = result
                if other.startswith(begin) and other.endswith(end) and len(other) > len(begin) + len(end):
                    guess = new_begin + other[len(begin) : len(other) - len(end)] + new_end
                    found[guess] = max(found.get(guess, 0.0), (count - 0.5) / total)
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0]))[:GUESSES])

    def _relatives(self, word: str) -> list[tuple[str, tuple[Affixes, Affixes]]]:
        """Known words of the same stem, the longest stem first, with their affixes and those of the word."""
        found: dict[str, tuple[Affixes, Affixes]] = {}
        for stem in sorted(_stems(word), key=lambda stem: (-len(stem), stem)):
            for relative in self.stems.get(stem, ()):
                if relative != word and relative not in found:
                    i, j = relative.index(stem), word.index(stem)
                    found[relative] = ((relative[:i], relative[i + len(stem) :]), (word[:j], word[j + len(stem) :]))
        return list(found.items())

    @staticmethod
    def _rules(word: str, other: str) -> list[tuple[str, str]]:
        """The (context, result) of each letter; none for words that are not similar."""
        if similarity(word, other) < MIN_SIMILARITY:
            return []
        result = _aligned(word, other)
        return [(place, result[i]) for i in range(len(word) + 1) for place in _places(word, i)]


def _left(twos: Sequence[Words], left_out: AbstractSet[str]) -> int:
    return sum(left_out.isdisjoint(two) for two in twos) if left_out else len(twos)


def _stems(word: str) -> set[str]:
    """The word without prefixes and suffixes of up to AFFIX letters."""
    size = len(word)
    return {word[i:j] for i in range(min(AFFIX, size - STEM) + 1) for j in range(max(size - AFFIX, i + STEM), size + 1)}


def _change(relative: str, word: str) -> tuple[Affixes, Affixes] | None:
    """The affixes of two words around their longest common substring; None where that is too short for a stem."""
    size, i, j = 0, 0, 0
    for first in range(len(relative)):
        for second in range(len(word)):
            same = 0
            while relative[first + same : first + same + 1] == word[second + same : second + same + 1] != "":
                same += 1
            if same > size:
                size, i, j = same, first, second
    affixes = (relative[:i], relative[i + size :]), (word[:j], word[j + size :])
    return affixes if size >= STEM - 1 and max(map(len, affixes[0])) <= AFFIX else None


def _places(word: str, i: int) -> list[str]:
    """The contexts of the letter before place i, from narrow to wide; place 0 is the beginning of the word."""
    whole = f"^^{word}$$"
    i += 1
    return [f"{whole[max(i - left, 0) : i]}|{whole[i]}|{whole[i + 1 : i + 1 + right]}" for left, right in CONTEXTS]


def _aligned(word: str, other: str) -> list[str]:
    """What each letter of `word` corresponds to in `other` (the first item: before the first letter), by minimum edit distance."""

    def swapped(i: int, j: int) -> float:
        one, two = word[i - 1], other[j - 1]
        return 0.0 if one == two else 0.7 if (one in VOWELS) == (two in VOWELS) else 1.5

    costs = [[float(i + j) for j in range(len(other) + 1)] for i in range(len(word) + 1)]
    for i in range(1, len(word) + 1):
        for j in range(1, len(other) + 1):
            costs[i][j] = min(costs[i - 1][j - 1] + swapped(i, j), costs[i - 1][j] + 1, costs[i][j - 1] + 1)
    result = [""] * (len(word) + 1)
    i, j = len(word), len(other)
    while i or j:
        if i and j and costs[i][j] == costs[i - 1][j - 1] + swapped(i, j):
            result[i] = other[j - 1] + result[i]
            i, j = i - 1, j - 1
        elif j and costs[i][j] == costs[i][j - 1] + 1:
            result[i] = other[j - 1] + result[i]
            j -= 1
        else:
            i -= 1
    return result
