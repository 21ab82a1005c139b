"""Bits per character: how well a model foresees text, whatever pieces it cuts it into. Lower is better."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from lowres.evaluation.comparison import compare_sums
from lowres.evaluation.record import Comparison
from lowres.evaluation.resampling import bootstrap, settings_of
from lowres.evaluation.scores import Score
from lowres.evaluation.sums import Floats, Headline, Sums, add_up, number_groups, share

HEADLINE = "bits per character"
BITS, CHARACTERS = range(2)


def _ratio(sums: Floats) -> Floats:
    return share(sums[..., BITS], sums[..., CHARACTERS])


RATIO = Headline(HEADLINE, _ratio, lambda sums: sums[..., CHARACTERS], better="lower", unit="bits")


def sum_bits(bits: Floats, characters: Floats, languages: Sequence[str], groups: Sequence[str] | None = None) -> Sums:
    """What the texts cost, by language and group: bits and characters of shape (texts,)."""
    tags = tuple(dict.fromkeys(languages))
    group, number = number_groups(groups, len(languages))
    cell = 2 * np.array([tags.index(tag) for tag in languages])
    matrix = add_up(
        np.concatenate([group, group]), np.concatenate([cell + BITS, cell + CHARACTERS]), np.concatenate([bits, characters]),
        (number, 2 * len(tags)),
    )  # fmt: skip
    return Sums(tags, (2,), number, matrix, RATIO)


def bits_scores(
    sums: Sums, method: str, *, split: Literal["train", "dev", "test"], confidence: float, resamples: int, seed: int
) -> list[Score]:
    """Bits per character of all texts, a mean over languages, then by language where there are several.

    Bits of a language are summed over its texts before they are divided by its characters. `method` goes into the signature:
    how the bits were found. Texts are resampled by group.
    """
    found = bootstrap(
        lambda weights: sums.headlines(sums.weighted(weights)), sums.groups, confidence=confidence, resamples=resamples,
        seed=seed, width=sums.width,
    )  # fmt: skip
    average = f"average:{'languages' if len(sums.languages) > 1 else 'characters'}"
    signature = "|".join([HEADLINE, method, average, *settings_of(sums.groups, confidence, resamples, seed)])
    parts = [None, *(sums.languages if len(sums.languages) > 1 else ())]
    return [
        Score(
            name=HEADLINE, value=float(value), low=max(float(low), 0.0), high=float(high) if np.isfinite(high) else float(value),
            confidence=confidence, split=split, signature=signature, language=part, better="lower", unit="bits",
        )
        for part, value, low, high in zip(parts, found.value, found.low, found.high, strict=True)
    ]  # fmt: skip


def compare_bits(
    ours: Sums, theirs: Sums, *, against: str, confidence: float, resamples: int, seed: int
) -> list[Comparison]:
    """Difference of two models in bits per character over the same words: see `compare_sums`."""
    return compare_sums(
        ours, theirs, "languages", against=against, confidence=confidence, resamples=resamples, seed=seed
    )
