"""Bits per character: how well a model predicts text. Lower is better.

Bits are divided by characters, not by tokens, so that models with different vocabularies can be compared.
"""

import math
from collections.abc import Sequence

import numpy as np

from lowres.evaluation.comparison import compare_statistics
from lowres.evaluation.resampling import Resampling
from lowres.evaluation.scoring import Key, estimate
from lowres.evaluation.sufficient_statistics import (
    Floats,
    Metric,
    SufficientStatistics,
    add_up,
    clusters_with,
    number_clusters,
    share,
)
from lowres.record import Comparison
from lowres.score import Score, Split

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
    place = np.array([tags.index(tag) for tag in languages])
    cell = 2 * place
    matrix = add_up(
        np.concatenate([cluster, cluster]), np.concatenate([cell + BITS, cell + CHARACTERS]), np.concatenate([bits, characters]),
        (number, 2 * len(tags)),
    )  # fmt: skip
    return SufficientStatistics(tags, (2,), number, matrix, RATIO, clusters_with(cluster, place, len(tags)))


def bits_scores(sums: SufficientStatistics, method: str, *, split: Split, resampling: Resampling) -> list[Score]:
    """Bits per character with intervals: the mean over languages first, then each language where there are several.

    The bits of a language are summed over its texts before they are divided by its characters. Texts are resampled by
    cluster; a single cluster has no upper bound. `method` says how the bits were computed; it goes into the signature.
    """
    tags = sums.languages if len(sums.languages) > 1 else ()
    signature = f"{PRIMARY_METRIC}|{method}|average:{'languages' if tags else 'characters'}"
    keys = [
        Key(
            PRIMARY_METRIC, signature, clusters, language, better="lower", unit="bits", highest=math.inf, limit=math.inf,
        )
        for language, clusters in [(None, sums.clusters), *zip(tags, map(int, sums.support), strict=False)]
    ]  # fmt: skip
    return estimate(
        lambda weights: sums.primary_values(sums.weighted(weights)),
        keys,
        sums.clusters,
        split=split,
        resampling=resampling,
        width=sums.width,
    )


def compare_bits(
    ours: SufficientStatistics, theirs: SufficientStatistics, *, against: str, resampling: Resampling
) -> list[Comparison]:
    """The difference of two models in bits per character over the same words: see `compare_statistics`."""
    return compare_statistics(ours, theirs, "languages", against=against, resampling=resampling)
