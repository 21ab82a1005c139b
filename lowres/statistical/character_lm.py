"""A character n-gram language model: what a pre-trained model must beat to be worth its cost."""

from collections import Counter
from collections.abc import Sequence
from math import log2

ORDER = 5  # characters of an n-gram, the predicted one among them
START = "\n"  # stands before every text; texts hardly ever hold it
CHARACTERS = 0x110000  # of Unicode, equally likely where nothing is known


class CharacterModel:
    """Interpolated n-grams of characters (Witten and Bell 1991, doi 10.1109/18.87000, method C).

    The probability of a character after a history h is (count(h, c) + kinds(h) · p(c | shorter h)) / (count(h) + kinds(h)),
    where kinds(h) is how many different characters followed h; below the shortest history all characters of Unicode are equally
    likely.
    """

    def __init__(self, texts: Sequence[str], order: int = ORDER) -> None:
        self.order = order
        self.counts: Counter[str] = Counter()
        for text in texts:
            padded = START * (order - 1) + text
            for end in range(order, len(padded) + 1):
                for size in range(1, order + 1):
                    self.counts[padded[end - size : end]] += 1
        self.totals: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()
        for gram, count in self.counts.items():
            self.totals[gram[:-1]] += count
            self.kinds[gram[:-1]] += 1

    def bits(self, text: str) -> list[float]:
        """The bits of each character of a text, given the characters before it."""
        padded = START * (self.order - 1) + text
        return [-log2(self._probability(padded[end - self.order : end])) for end in range(self.order, len(padded) + 1)]

    def _probability(self, gram: str) -> float:
        found = 1.0 / CHARACTERS
        for start in range(len(gram) - 1, -1, -1):
            history = gram[start:-1]
            seen, kinds = self.totals[history], self.kinds[history]
            if not seen:
                break
            found = (self.counts[gram[start:]] + kinds * found) / (seen + kinds)
        return found
