"""Guesses for words never seen, from words whose translations are known.

Letter by letter (which letter becomes which, the neighbours decide, and where they are too rare fewer of them), and from their
kin: a translated word of the same stem (analogy, Langlais & Patry 2007, EMNLP).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from lowres.statistical.word_alignment import Words, alike

KINDRED = 2.0  # what a guess from a word's kin counts beside one from its letters
GUESSES = 4
SPELLED_ALIKE = 0.5  # words at least this alike teach which letter becomes which
CONTEXTS = ((0, 0), (0, 1), (1, 1), (1, 2), (2, 2))  # letters before and after that decide, the wider the rarer
STEM, AFFIX = 4, 4  # letters: the shortest stem that kin share, the longest beginning or ending they differ in
VOWELS = frozenset("aeiouáàâãäåéèêëíìîïóòôõöúùûüəɛɔ")

Affixes = tuple[str, str]


class Spelling:
    """Guesses for words never seen, from `known` words and their translations."""

    def __init__(self, known: Mapping[str, str]) -> None:
        self.known = known
        self.letters: dict[str, dict[str, int]] = {}
        self.stems: dict[str, list[str]] = {}
        for word, other in known.items():
            for place, became in self._rules(word, other):
                outcomes = self.letters.setdefault(place, {})
                outcomes[became] = outcomes.get(became, 0) + 1
            for stem in _stems(word):
                self.stems.setdefault(stem, []).append(word)
        # what became of a word's affixes where its kin differ so, and by which two words that was seen
        self.affixes: dict[tuple[Affixes, Affixes], dict[tuple[Affixes, Affixes] | None, list[Words]]] = {}
        for word, other in known.items():
            for kin, change in self._kin(word):
                seen = self.affixes.setdefault(change, {})
                seen.setdefault(_change(known[kin], other), []).append((kin, word))

    def guesses(
        self, word: str, kept: float, kin: bool = True, gone: AbstractSet[str] = frozenset()
    ) -> dict[str, float]:
        """Translations and their weights; `kept` is the share of words that stay as they are, `gone` words count as never seen."""
        found = {other: (1 - kept) * share for other, share in self._by_letters(word, gone).items()}
        found[word] = found.get(word, 0.0) + kept
        for other, share in self._by_kin(word, gone).items() if kin else ():
            found[other] = found.get(other, 0.0) + KINDRED * share
        return {
            other: weight for other, weight in found.items() if weight > 0
        }  # that of a very long word may sink to 0

    def _by_letters(self, word: str, gone: AbstractSet[str]) -> dict[str, float]:
        off = Counter(rule for other in gone if other in self.known for rule in self._rules(other, self.known[other]))
        beam = [(1.0, "")]
        for i in range(len(word) + 1):
            shares = {word[i - 1] if i else "": 1.0}
            for place in _places(word, i):
                outcomes = self.letters.get(place)
                if not outcomes:
                    break
                left = {became: count - off[place, became] for became, count in outcomes.items()} if off else outcomes
                total = sum(left.values()) + 1
                shares = {became: share / total for became, share in shares.items()}
                for became, count in left.items():
                    if count:
                        shares[became] = shares.get(became, 0.0) + count / total
            likely = sorted(shares.items(), key=lambda item: (-item[1], item[0]))[:3]
            longer = [(share * more, begun + became) for share, begun in beam for became, more in likely]
            beam = sorted(longer, reverse=True)[: 2 * GUESSES]
        found: dict[str, float] = {}
        for share, whole in beam:
            if whole and len(found) < GUESSES:
                found.setdefault(whole, share)
        return found

    def _by_kin(self, word: str, gone: AbstractSet[str]) -> dict[str, float]:
        found: dict[str, float] = {}
        for kin, change in self._kin(word):
            if kin in gone or change not in self.affixes:
                continue
            seen = {became: _left(two, gone) for became, two in self.affixes[change].items()}
            total = sum(seen.values()) + 2
            other = self.known[kin]
            for became, count in seen.items():
                if became is None or count < 2:
                    continue
                (begin, end), (new_begin, new_end) = became
                if other.startswith(begin) and other.endswith(end) and len(other) > len(begin) + len(end):
                    guess = new_begin + other[len(begin) : len(other) - len(end)] + new_end
                    found[guess] = max(found.get(guess, 0.0), (count - 0.5) / total)
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0]))[:GUESSES])

    def _kin(self, word: str) -> list[tuple[str, tuple[Affixes, Affixes]]]:
        """Known words of the same stem, the longest stem first, with the affixes of theirs and of the word."""
        found: dict[str, tuple[Affixes, Affixes]] = {}
        for stem in sorted(_stems(word), key=lambda stem: (-len(stem), stem)):
            for kin in self.stems.get(stem, ()):
                if kin != word and kin not in found:
                    i, j = kin.index(stem), word.index(stem)
                    found[kin] = ((kin[:i], kin[i + len(stem) :]), (word[:j], word[j + len(stem) :]))
        return list(found.items())

    @staticmethod
    def _rules(word: str, other: str) -> list[tuple[str, str]]:
        """What became of each letter at its place; nothing of words that are not alike."""
        if alike(word, other) < SPELLED_ALIKE:
            return []
        became = _aligned(word, other)
        return [(place, became[i]) for i in range(len(word) + 1) for place in _places(word, i)]


def _left(twos: Sequence[Words], gone: AbstractSet[str]) -> int:
    return sum(gone.isdisjoint(two) for two in twos) if gone else len(twos)


def _stems(word: str) -> set[str]:
    """The word less beginnings and endings of up to AFFIX letters."""
    size = len(word)
    return {word[i:j] for i in range(min(AFFIX, size - STEM) + 1) for j in range(max(size - AFFIX, i + STEM), size + 1)}


def _change(kin: str, word: str) -> tuple[Affixes, Affixes] | None:
    """The affixes of two words around the longest run of letters that they share; None where that is no stem."""
    size, i, j = 0, 0, 0
    for first in range(len(kin)):
        for second in range(len(word)):
            same = 0
            while kin[first + same : first + same + 1] == word[second + same : second + same + 1] != "":
                same += 1
            if same > size:
                size, i, j = same, first, second
    affixes = (kin[:i], kin[i + size :]), (word[:j], word[j + size :])
    return affixes if size >= STEM - 1 and max(map(len, affixes[0])) <= AFFIX else None


def _places(word: str, i: int) -> list[str]:
    """The letter before place i with more and more of its neighbours; place 0 is the word's beginning."""
    whole = f"^^{word}$$"
    i += 1
    return [f"{whole[max(i - left, 0) : i]}|{whole[i]}|{whole[i + 1 : i + 1 + right]}" for left, right in CONTEXTS]


def _aligned(word: str, other: str) -> list[str]:
    """What each letter became (the first: what came before them), by the fewest edits; like kinds of letters rather."""

    def swapped(i: int, j: int) -> float:
        one, two = word[i - 1], other[j - 1]
        return 0.0 if one == two else 0.7 if (one in VOWELS) == (two in VOWELS) else 1.5

    costs = [[float(i + j) for j in range(len(other) + 1)] for i in range(len(word) + 1)]
    for i in range(1, len(word) + 1):
        for j in range(1, len(other) + 1):
            costs[i][j] = min(costs[i - 1][j - 1] + swapped(i, j), costs[i - 1][j] + 1, costs[i][j - 1] + 1)
    became = [""] * (len(word) + 1)
    i, j = len(word), len(other)
    while i or j:
        if i and j and costs[i][j] == costs[i - 1][j - 1] + swapped(i, j):
            became[i] = other[j - 1] + became[i]
            i, j = i - 1, j - 1
        elif j and costs[i][j] == costs[i][j - 1] + 1:
            became[i] = other[j - 1] + became[i]
            j -= 1
        else:
            i -= 1
    return became
