"""Bits per character: how well a model predicts text. Lower is better.

Bits are divided by characters, not by tokens, so that models with different vocabularies can be compared.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from lowres.evaluation.comparison import compare_statistics
from lowres.evaluation.resampling import Resampling, bootstrap, settings_of
from lowres.evaluation.sufficient_statistics import Floats, Metric, SufficientStatistics, add_up, number_clusters, share
from lowres.record import Comparison, Score

PRIMARY_METRIC = "bits per character"
BITS, CHARACTERS = range(2)


def _ratio(sums: Floats) -> Floats:
    return share(sums[..., BITS], sums[..., CHARACTERS])


RATIO = Metric(PRIMARY_METRIC, _ratio, lambda sums: sums[..., CHARACTERS], better="lower", unit="bits")


def bits_statistics(
    bits: Floats, characters: Floats, languages: Sequence[str], clusters: Sequence[str] | None = None
) -> SufficientStatistics:
    """Add up `bits` and `characters`, both of shape (texts,), by language and cluster.

    Raises ValueError when there are not as many clusters as texts.
    """
    tags = tuple(dict.fromkeys(languages))
    cluster, number = number_clusters(clusters, len(languages))
    cell = 2 * np.array([tags.index(tag) for tag in languages])
    matrix = add_up(
        np.concatenate([cluster, cluster]), np.concatenate([cell + BITS, cell + CHARACTERS]), np.concatenate([bits, characters]),
        (number, 2 * len(tags)),
    )  # fmt: skip
    return SufficientStatistics(tags, (2,), number, matrix, RATIO)


def bits_scores(
    sums: SufficientStatistics, method: str, *, split: Literal["train", "dev", "test"], resampling: Resampling
) -> list[Score]:
    """Bits per character with intervals: the mean over languages first, then each language where there are several.

    The bits of a language are summed over its texts before they are divided by its characters. Texts are resampled by
    cluster. `method` says how the bits were computed; it goes into the signature.
    """
    found = bootstrap(
        lambda weights: sums.primary_values(sums.weighted(weights)), sums.clusters, resampling=resampling, width=sums.width,
    )  # fmt: skip
    average = f"average:{'languages' if len(sums.languages) > 1 else 'characters'}"
    signature = "|".join([PRIMARY_METRIC, method, average, *settings_of(sums.clusters, resampling)])
    parts = [None, *(sums.languages if len(sums.languages) > 1 else ())]
    return [
        Score(
            name=PRIMARY_METRIC, value=float(value), low=max(float(low), 0.0), high=float(high) if np.isfinite(high) else float(value),
            confidence=resampling.confidence, split=split, signature=signature, language=part, better="lower", unit="bits",
        )
        for part, value, low, high in zip(parts, found.value, found.low, found.high, strict=True)
    ]  # fmt: skip


def compare_bits(
    ours: SufficientStatistics, theirs: SufficientStatistics, *, against: str, resampling: Resampling
) -> list[Comparison]:
    """The difference of two models in bits per character over the same words: see `compare_statistics`."""
    return compare_statistics(ours, theirs, "languages", against=against, resampling=resampling)
