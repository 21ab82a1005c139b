"""Bootstrap intervals over groups of rows.

Rows that translate one another stand or fall together, so whole groups are drawn, never single rows: a cluster
bootstrap (Davison & Hinkley 1997, § 3.8). Drawing rows would make the interval too narrow.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from lowres.evaluation.sufficient_statistics import Floats

# The acceleration of BCa leaves out every group once; beyond this many it costs more than it mends.
LARGEST_BCA = 5_000
_BATCH_CELLS = 4_000_000


def batch_of(clusters: int, width: int) -> int:
    """How many resamples fit in memory at a time, each a weight for every group and `width` sums."""
    return max(1, _BATCH_CELLS // max(clusters, width))


@dataclass(frozen=True)
class Resampling:
    """How intervals and p values are found: the level of confidence (0–1), the number of bootstrap resamples, the seed of both."""

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
    """What a signature says of the intervals, and whose they are."""
    return [
        f"bootstrap:{resampling.resamples}",
        f"interval:{interval_kind(clusters)}",
        f"groups:{clusters}",
        f"ci:{100 * resampling.confidence:g}",
        f"seed:{resampling.seed}",
        f"lowres:{_version()}",
    ]


def bootstrap(
    statistic: Callable[[Floats], Floats], clusters: int, resampling: Resampling, *, width: int = 1
) -> Intervals:
    """Intervals of `statistic`, which maps weights (samples, groups) to values (samples, statistics).

    `width` is how many sums a sample needs on the way; it bounds how many samples are asked for at a time.

    BCa (Efron 1987) where defined, else percentile; always low <= value <= high. A single group tells nothing of the
    spread: its bounds are infinite, for the caller to clip to what the score can be.
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
