"""How alike two languages are in writing: which language may lend its labelled rows or texts to another.

Both measures read plain text only; the overlap of words is among the features by which Lin et al. 2019 (arXiv 1905.12688) choose
languages for transfer.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import regex

from lowres.languages.keys import matching_key

_WORD = regex.compile(r"\w+")


@dataclass(frozen=True)
class Likeness:
    """How alike a source is to a target, each 0–100.

    `trigrams` is the cosine of the counts of character trigrams; `words` the share of the target's running words that occur in the
    source as well.
    """

    trigrams: float
    words: float


def likeness(target: Sequence[str], source: Sequence[str]) -> Likeness:
    """Compare texts of two languages; 100 and 100 for the same texts, 0 and 0 where either has no text."""
    return Likeness(_cosine(_trigrams(target), _trigrams(source)), _shared(_words(target), _words(source)))


def _words(texts: Iterable[str]) -> Counter[str]:
    return Counter(word for text in texts for word in _WORD.findall(matching_key(text)))


def _trigrams(texts: Iterable[str]) -> Counter[str]:
    """Trigrams within words, with their beginning and end: “kan” → “ ka”, “kan”, “an ”."""
    found: Counter[str] = Counter()
    for word, count in _words(texts).items():
        padded = f" {word} "
        for start in range(len(padded) - 2):
            found[padded[start : start + 3]] += count
    return found


def _cosine(one: Counter[str], other: Counter[str]) -> float:
    lengths = [sum(count * count for count in counts.values()) ** 0.5 for counts in (one, other)]
    if not all(lengths):
        return 0.0
    return float(100 * sum(count * other[gram] for gram, count in one.items()) / (lengths[0] * lengths[1]))


def _shared(target: Counter[str], source: Counter[str]) -> float:
    total = target.total()
    return 100 * sum(count for word, count in target.items() if word in source) / total if total else 0.0
