"""What a translator makes of its hints, word by word: the words that it keeps, damages, mends and finds.

Words are compared in lower case and without order: a word counts as often as it stands in reference, hint and translation.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import groupby

import regex

from lowres.record import HintEffect

_WORD = regex.compile(r"[\p{L}\p{M}\p{N}]+(?:['’-][\p{L}\p{M}\p{N}]+)*")


def hint_effects(
    references: Sequence[str], hints: Sequence[str], translations: Sequence[str], directions: Sequence[str]
) -> list[HintEffect]:
    """The effect for each direction, in the order in which directions first occur; sentences without a hint are left out."""
    numbers = sorted(
        (number for number, hint in enumerate(hints) if hint), key=lambda number: directions.index(directions[number])
    )
    return [
        _effect(direction, [[_words(texts[i]) for i in some] for texts in (references, hints, translations)])
        for direction, some in (
            (direction, list(found)) for direction, found in groupby(numbers, key=lambda number: directions[number])
        )
    ]


def _effect(direction: str, sentences: Sequence[Sequence[Counter[str]]]) -> HintEffect:
    counts: Counter[str] = Counter()
    for reference, hint, written in zip(*sentences, strict=True):
        right, wrong = reference & hint, hint - reference
        kept = right & written
        counts["words"] += reference.total()
        counts["right"] += right.total()
        counts["wrong"] += wrong.total()
        counts["kept"] += kept.total()
        counts["mended"] += (wrong - written).total()
        counts["found"] += ((reference & written) - right).total()
        counts["damaged"] += (right - kept).total()
    return HintEffect(direction=direction, counts=counts)


def _words(text: str) -> Counter[str]:
    return Counter(match.group().lower() for match in _WORD.finditer(text))
