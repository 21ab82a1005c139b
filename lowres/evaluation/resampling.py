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

from lowres.evaluation.sums import Floats

# The acceleration of BCa leaves out every group once; beyond this many it costs more than it mends.
LARGEST_BCA = 5_000
_BATCH_CELLS = 4_000_000


def batch_of(groups: int, width: int) -> int:
    """How many resamples fit in memory at a time, each a weight for every group and `width` sums."""
    return max(1, _BATCH_CELLS // max(groups, width))


@dataclass(frozen=True)
class Intervals:
    """Values of several statistics with their bootstrap bounds, each of shape (statistics,)."""

    value: Floats
    low: Floats
    high: Floats


def interval_kind(groups: int) -> str:
    """Name of the interval for the signature: bias-corrected and accelerated, or percentile."""
    return "bca" if groups <= LARGEST_BCA else "percentile"


def settings_of(groups: int, confidence: float, resamples: int, seed: int) -> list[str]:
    """What a signature says of the intervals, and whose they are."""
    return [
        f"bootstrap:{resamples}",
        f"interval:{interval_kind(groups)}",
        f"groups:{groups}",
        f"ci:{100 * confidence:g}",
        f"seed:{seed}",
        f"lowres:{_version()}",
    ]


def bootstrap(
    statistic: Callable[[Floats], Floats], groups: int, *, confidence: float, resamples: int, seed: int, width: int = 1
) -> Intervals:
    """Intervals of `statistic`, which maps weights (samples, groups) to values (samples, statistics).

    `width` is how many sums a sample needs on the way; it bounds how many samples are asked for at a time.

    BCa (Efron 1987) where defined, else percentile; always low <= value <= high. A single group tells nothing of the
    spread: its bounds are infinite, for the caller to clip to what the score can be.
    """
    value = statistic(np.ones((1, groups)))[0]
    if groups < 2:
        return Intervals(value, np.full_like(value, -np.inf), np.full_like(value, np.inf))

    def drawn(indices: NDArray[np.int64], axis: int = -1) -> Floats:
        flat = np.atleast_2d(np.moveaxis(indices, axis, -1))
        offsets = np.arange(len(flat))[:, None] * groups
        weights = np.bincount((flat + offsets).ravel(), minlength=len(flat) * groups).reshape(len(flat), groups)
        values = statistic(weights.astype(np.float64)).T
        return values[:, 0] if indices.ndim == 1 else values

    with warnings.catch_warnings():
        # A constant statistic has no BCa interval; it is replaced by the percentile interval below.
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        result = stats.bootstrap(
            (np.arange(groups),),
            drawn,
            n_resamples=resamples,
            batch=batch_of(groups, width),
            vectorized=True,
            confidence_level=confidence,
            method="BCa" if interval_kind(groups) == "bca" else "percentile",
            rng=np.random.default_rng(seed),
        )
    tail = (1 - confidence) / 2
    plain = np.quantile(result.bootstrap_distribution, [tail, 1 - tail], axis=-1)
    low = np.where(np.isnan(result.confidence_interval.low), plain[0], result.confidence_interval.low)
    high = np.where(np.isnan(result.confidence_interval.high), plain[1], result.confidence_interval.high)
    return Intervals(value, np.minimum(low, value), np.maximum(high, value))


def _version() -> str:
    try:
        return version("lowres")
    except PackageNotFoundError:
        return "source"
