"""Examples that are like a text, for few-shot prompts: together they hold as many of its words as can be.

Rare words count more. Each further example is taken for words that the others lack; what is left is chosen by the character
n-grams that it shares with the text. Covering the words was better than mere similarity for translation (Agrawal et al. 2023,
arXiv 2212.02437).
"""

import math
from collections import Counter
from collections.abc import Sequence

from lowres.languages.words import words

N = 4  # characters


class NearestExamples:
    """Finds examples among `texts`; the sum of the inverse document frequencies of covered words decides."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = texts
        self.words = [_words(text) for text in texts]
        self.pieces = [_pieces(text) for text in texts]
        counts = Counter(word for found in self.words for word in found)
        self.weight = {word: math.log(1 + len(texts) / count) for word, count in counts.items()}
        self.holding: dict[str, list[int]] = {}
        for number, found in enumerate(self.words):
            for word in found:
                self.holding.setdefault(word, []).append(number)

    def nearest(self, text: str, count: int, leave: int | None = None) -> list[int]:
        """The numbers of `count` texts (fewer where there are fewer), the best last, next to the question; never `leave`."""
        left = {word for word in _words(text) if word in self.weight}
        pieces = _pieces(text)
        chosen: list[int] = []

        def worth(number: int) -> tuple[float, float, int]:
            shared = len(pieces & self.pieces[number]) / max(1, len(pieces | self.pieces[number]))
            return sum(self.weight[word] for word in left & self.words[number]), shared, -number

        candidates = {number for word in left for number in self.holding[word]} - {leave}
        while candidates and left and len(chosen) < count:
            best = max(candidates, key=worth)
            if not left & self.words[best]:
                break
            chosen.append(best)
            candidates.discard(best)
            left = left - self.words[best]
        others = sorted({*range(len(self.texts))} - {*chosen, leave}, key=worth, reverse=True)
        chosen += others[: count - len(chosen)]
        return chosen[::-1]


def _words(text: str) -> frozenset[str]:
    return frozenset(text[start:end].strip().lower() for start, end in words(text))


def _pieces(text: str) -> frozenset[str]:
    lower = text.lower()
    return frozenset(lower[at : at + N] for at in range(max(1, len(lower) - N + 1)))
