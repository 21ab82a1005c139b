"""Back-translation: which sources that a model wrote are fit to be learned from."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log

import numpy as np

from lowres.data.corpus import Row
from lowres.data.pairs import Direction, Pair
from lowres.languages import matching_key

RARE = 0.01  # share of the real pairs at either end whose ratio of lengths counts as unusual
Bounds = Mapping[Direction, tuple[float, float]]


@dataclass(frozen=True)
class Sifted:
    """Pairs that are left, and how many were left out, by reason."""

    pairs: tuple[Pair, ...]
    dropped: Mapping[str, int]


def synthetic(text: Row, source: str, translation: str) -> Pair:
    """The pair of a real text and what a model wrote as its source, in the language `source`."""
    return Pair(f"{text.id}⇠{source}", Row(text.id, text.cluster, source, {"text": translation}), text, synthetic=True)


def usual_lengths(real: Sequence[Pair]) -> Bounds:
    """Between which bounds nearly all real pairs of a direction have the logarithm of their ratio of lengths."""
    ratios: dict[Direction, list[float]] = {}
    for pair in real:
        ratios.setdefault(pair.direction, []).append(_ratio(pair))
    return {
        way: (float(np.quantile(found, RARE)), float(np.quantile(found, 1 - RARE))) for way, found in ratios.items()
    }


def plausible(made: Sequence[Pair], usual: Bounds) -> Sifted:
    """Those whose source is neither empty, nor a copy, nor of another length than real ones; of directions without bounds any
    length will do.
    """
    reasons = [_fault(pair, usual) for pair in made]
    kept = tuple(pair for pair, reason in zip(made, reasons, strict=True) if not reason)
    return Sifted(kept, Counter(reason for reason in reasons if reason))


def best_share(made: Sequence[Pair], scores: Sequence[float], share: float) -> Sifted:
    """Of each direction the share with the highest scores, at least one pair; of equal ones the first."""
    ways: dict[Direction, list[int]] = {}
    for number, pair in enumerate(made):
        ways.setdefault(pair.direction, []).append(number)
    chosen = {
        number
        for numbers in ways.values()
        for number in sorted(numbers, key=lambda number: -scores[number])[: max(1, round(share * len(numbers)))]
    }
    kept = tuple(pair for number, pair in enumerate(made) if number in chosen)
    return Sifted(kept, {"round trip": len(made) - len(kept)} if len(kept) < len(made) else {})


def _fault(pair: Pair, usual: Bounds) -> str:
    source, target = pair.source.fields["text"], pair.target.fields["text"]
    if not source.strip():
        return "empty"
    if matching_key(source) == matching_key(target):
        return "copy"
    low, high = usual.get(pair.direction, (-float("inf"), float("inf")))
    return "" if low <= _ratio(pair) <= high else "length"


def _ratio(pair: Pair) -> float:
    """Logarithm of the characters of the target for each of the source."""
    return log(len(pair.target.fields["text"]) / len(pair.source.fields["text"]))
