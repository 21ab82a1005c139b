"""Bootstrap intervals over clusters of rows.

Rows that translate one another are not independent, so whole clusters are drawn, never single rows: a cluster bootstrap
(Davison & Hinkley 1997, § 3.8). Drawing rows would make the intervals too narrow.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from lowres.evaluation.sufficient_statistics import Floats

# The acceleration of BCa leaves out every cluster once; beyond this many it costs much and changes little.
LARGEST_BCA = 5_000
_BATCH_CELLS = 4_000_000


def batch_of(clusters: int, width: int) -> int:
    """How many resamples fit in memory at a time; each has a weight for every cluster, and `width` sums."""
    return max(1, _BATCH_CELLS // max(clusters, width))


@dataclass(frozen=True)
class Resampling:
    """How intervals and p values are computed: level of confidence (0–1), number of bootstrap resamples, and seed of both."""

    confidence: float = 0.95
    resamples: int = 1000
    seed: int = 13


@dataclass(frozen=True)
class Intervals:
    """Values of several statistics with their bootstrap bounds, each of shape (statistics,)."""

    value: Floats
    low: Floats
    high: Floats


def interval_kind(clusters: int) -> str:
    """Name of the interval for the signature: bias-corrected and accelerated, or percentile."""
    return "bca" if clusters <= LARGEST_BCA else "percentile"


def settings_of(clusters: int, resampling: Resampling) -> list[str]:
    """The part of a signature that says how the intervals were computed, and by which version of lowres."""
    return [
        f"bootstrap:{resampling.resamples}",
        f"interval:{interval_kind(clusters)}",
        f"clusters:{clusters}",
        f"ci:{100 * resampling.confidence:g}",
        f"seed:{resampling.seed}",
        f"lowres:{_version()}",
    ]


def bootstrap(
    statistic: Callable[[Floats], Floats], clusters: int, resampling: Resampling, *, width: int = 1
) -> Intervals:
    """Intervals of `statistic`, which maps weights (samples, clusters) to values (samples, statistics).

    `width` is the number of sums that one sample needs on the way; it limits how many samples are computed at a time.

    BCa (Efron 1987) where it is defined, else percentile; always low <= value <= high. A single cluster says nothing about
    the spread: its bounds are infinite, and the caller clips them to the range of the score.
    """
    value = statistic(np.ones((1, clusters)))[0]
    if clusters < 2:
        return Intervals(value, np.full_like(value, -np.inf), np.full_like(value, np.inf))

    def drawn(indices: NDArray[np.int64], axis: int = -1) -> Floats:
        flat = np.atleast_2d(np.moveaxis(indices, axis, -1))
        offsets = np.arange(len(flat))[:, None] * clusters
        weights = np.bincount((flat + offsets).ravel(), minlength=len(flat) * clusters).reshape(len(flat), clusters)
        values = statistic(weights.astype(np.float64)).T
        return values[:, 0] if indices.ndim == 1 else values

    with warnings.catch_warnings():
        # A constant statistic has no BCa interval; it is replaced by the percentile interval below.
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        result = stats.bootstrap(
            (np.arange(clusters),),
            drawn,
            n_resamples=resampling.resamples,
            batch=batch_of(clusters, width),
            vectorized=True,
            confidence_level=resampling.confidence,
            method="BCa" if interval_kind(clusters) == "bca" else "percentile",
            rng=np.random.default_rng(resampling.seed),
        )
    tail = (1 - resampling.confidence) / 2
    plain = np.quantile(result.bootstrap_distribution, [tail, 1 - tail], axis=-1)
    low = np.where(np.isnan(result.confidence_interval.low), plain[0], result.confidence_interval.low)
    high = np.where(np.isnan(result.confidence_interval.high), plain[1], result.confidence_interval.high)
    return Intervals(value, np.minimum(low, value), np.maximum(high, value))


def _version() -> str:
    try:
        return version("lowres")
    except PackageNotFoundError:
        return "source"
