"""From a statistic of the test set to scores with intervals and signatures, the same way for every task."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from lowres.evaluation.resampling import Intervals, Resampling, bootstrap, settings_of, unseen_share
from lowres.evaluation.sufficient_statistics import Floats
from lowres.score import Better, Score, Split, Unit


@dataclass(frozen=True)
class Key:
    """What one value is: its name and signature, its language or direction and label, and its range.

    `clusters` is the number of clusters with rows behind the value. `lowest` and `highest` are the worst and best values of a
    single cluster; values of the whole test set are between `lowest` and `limit`.
    """

    name: str
    signature: str
    clusters: int
    language: str | None = None
    label: str | None = None
    better: Better = "higher"
    unit: Unit = "points"
    lowest: float = 0.0
    highest: float = 100.0
    limit: float = 100.0


def estimate(
    statistic: Callable[[Floats], Floats],
    keys: Sequence[Key],
    clusters: int,
    *,
    split: Split,
    resampling: Resampling,
    width: int,
    unseen: Floats | None = None,
) -> list[Score]:
    """The scores named by `keys`, with intervals from resampled clusters.

    `statistic` maps weights (samples, clusters) to values (samples, keys), of `width` sums each. Where a value is the same in all
    resamples, its bounds are those of an exact test over its clusters. `unseen` gives, for each key, the share of the population
    (0–1) that may be missing because *parts* of the value are constant: see `unseen_share`.
    """
    behind = np.array([key.clusters for key in keys], dtype=np.float64)
    found = bootstrap(statistic, clusters, resampling, width=width).unknown_where(behind < 2)
    whole = np.where(found.constant, unseen_share(behind, resampling.confidence), 0.0)
    share = whole if unseen is None else np.where(unseen > 0, unseen, whole)
    lowest, highest = (np.array([getattr(key, end) for key in keys]) for end in ("lowest", "highest"))
    return [
        _score(key, found.widened(share, lowest, highest), place, clusters, split, resampling)
        for place, key in enumerate(keys)
    ]


def _score(key: Key, found: Intervals, place: int, clusters: int, split: Split, resampling: Resampling) -> Score:
    settings = settings_of(clusters, resampling, split)
    return Score(
        name=key.name,
        value=float(found.value[place]),
        low=max(float(found.low[place]), key.lowest),
        high=min(float(found.high[place]), key.limit),
        confidence=resampling.confidence,
        split=split,
        signature="|".join([key.signature, *settings]),
        clusters=key.clusters,
        language=key.language,
        label=key.label,
        better=key.better,
        unit=key.unit,
    )
