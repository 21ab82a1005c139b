"""Filters for back-translation: which machine-translated sources are fit to train on."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log

import numpy as np

from lowres.data.corpus import Row
from lowres.data.pairs import Direction, Pair
from lowres.languages import matching_key

RARE = 0.01  # share of the real pairs at either end whose length ratio counts as unusual
Bounds = Mapping[Direction, tuple[float, float]]


@dataclass(frozen=True)
class Filtered:
    """The pairs that are kept, and how many were left out, by reason."""

    pairs: tuple[Pair, ...]
    dropped: Mapping[str, int]


def synthetic(text: Row, source: str, translation: str) -> Pair:
    """The pair of a real text and its machine translation into the language `source`, which is its source side."""
    return Pair(f"{text.id}⇠{source}", Row(text.id, text.cluster, source, {"text": translation}), text, synthetic=True)


def usual_lengths(real: Sequence[Pair]) -> Bounds:
    """For each direction, the bounds between which nearly all real pairs have the logarithm of their length ratio."""
    ratios: dict[Direction, list[float]] = {}
    for pair in real:
        ratios.setdefault(pair.direction, []).append(_ratio(pair))
    return {
        direction: (float(np.quantile(found, RARE)), float(np.quantile(found, 1 - RARE)))
        for direction, found in ratios.items()
    }


def plausible(made: Sequence[Pair], usual: Bounds) -> Filtered:
    """The pairs whose source is neither empty, nor a copy, nor of unusual length; directions without bounds take any length."""
    reasons = [_fault(pair, usual) for pair in made]
    kept = tuple(pair for pair, reason in zip(made, reasons, strict=True) if not reason)
    return Filtered(kept, Counter(reason for reason in reasons if reason))


def best_share(made: Sequence[Pair], scores: Sequence[float], share: float) -> Filtered:
    """The share of each direction with the highest scores, at least one pair; of equal scores the first."""
    directions: dict[Direction, list[int]] = {}
    for number, pair in enumerate(made):
        directions.setdefault(pair.direction, []).append(number)
    chosen = {
        number
        for numbers in directions.values()
        for number in sorted(numbers, key=lambda number: -scores[number])[: max(1, round(share * len(numbers)))]
    }
    kept = tuple(pair for number, pair in enumerate(made) if number in chosen)
    return Filtered(kept, {"round trip": len(made) - len(kept)} if len(kept) < len(made) else {})


def _fault(pair: Pair, usual: Bounds) -> str:
    source, target = pair.source.fields["text"], pair.target.fields["text"]
    if not source.strip():
        return "empty"
    if matching_key(source) == matching_key(target):
        return "copy"
    low, high = usual.get(pair.direction, (-float("inf"), float("inf")))
    return "" if low <= _ratio(pair) <= high else "length"


def _ratio(pair: Pair) -> float:
    """Logarithm of the length ratio, characters of the target over characters of the source."""
    return log(len(pair.target.fields["text"]) / len(pair.source.fields["text"]))
