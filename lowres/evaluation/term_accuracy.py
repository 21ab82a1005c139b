"""Term accuracy: the share of the glossary terms of the sources whose required translation stands in the output."""

from collections.abc import Mapping, Sequence

import numpy as np

from lowres.evaluation.resampling import Resampling
from lowres.evaluation.scoring import Key, estimate
from lowres.evaluation.sufficient_statistics import number_clusters, share
from lowres.score import Score, Split
from lowres.statistical.terms import Terms

TERM_ACCURACY = "term accuracy"


def term_accuracy(
    sources: Sequence[str],
    outputs: Sequence[str],
    directions: Sequence[tuple[str, str]],
    terms: Mapping[tuple[str, str], Terms],
    clusters: Sequence[str],
    *,
    split: Split,
    resampling: Resampling,
) -> tuple[int, Score] | None:
    """How many terms the sources hold, and term accuracy (0–100) with its interval; None where they hold none.

    A translation has a term if the required words stand in it in a row, capitals or not; other inflected forms count as missing.
    """
    counts = np.array(
        [
            terms[direction].kept(source, output) if direction in terms else (0, 0)
            for source, output, direction in zip(sources, outputs, directions, strict=True)
        ],
        dtype=np.float64,
    )
    having = [row for row, (_, wanted) in enumerate(counts) if wanted]
    if not having:
        return None
    cluster, number = number_clusters([clusters[row] for row in having], len(having))
    table = np.zeros((number, 2))
    np.add.at(table, cluster, counts[having])
    (score,) = estimate(
        lambda weights: 100 * share((weights @ table)[:, :1], (weights @ table)[:, 1:]),
        [Key(TERM_ACCURACY, f"{TERM_ACCURACY}|exact words", number)], number, split=split, resampling=resampling, width=2,
    )  # fmt: skip
    return int(counts[:, 1].sum()), score
