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

from lowres.evaluation.sufficient_statistics import Floats
from lowres.score import Split

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
    """Values of several statistics with their bounds, each of shape (statistics,).

    `constant` says which statistics had the same value in all resamples. The bootstrap tells nothing about their spread.
    """

    value: Floats
    low: Floats
    high: Floats
    constant: NDArray[np.bool_]

    def unknown_where(self, single: NDArray[np.bool_]) -> "Intervals":
        """Intervals without bounds for the statistics that rest on a single cluster."""
        low, high = np.where(single, -np.inf, self.low), np.where(single, np.inf, self.high)
        return Intervals(self.value, low, high, self.constant & ~single)

    def widened(self, unseen: Floats, lowest: Floats | float, highest: Floats | float) -> "Intervals":
        """Intervals that allow for a share `unseen` of the population, of which the sample has no example.

        In the worst case this share has the `lowest` or the `highest` possible value. The two uncertainties, of resampling and of
        what was not seen, are combined as independent ones (MOVER: Zou & Donner 2008, doi 10.1002/sim.3095).
        """
        down = unseen * np.where(unseen > 0, self.value - lowest, 0.0)
        up = unseen * np.where(unseen > 0, np.maximum(highest - self.value, 0.0), 0.0)
        low = self.value - np.hypot(self.value - self.low, down)
        return Intervals(self.value, low, self.value + np.hypot(self.high - self.value, up), self.constant)


def unseen_share(clusters: Floats, confidence: float) -> Floats:
    """The largest share of a population (0–1) that a sample of so many clusters can miss with a tail probability of
    (1 - confidence) / 2.

    With k right clusters of k, 1 minus this is the exact lower bound for the share of right ones (Clopper & Pearson 1934,
    doi 10.1093/biomet/26.4.404).
    """
    return 1 - ((1 - confidence) / 2) ** (1 / np.maximum(clusters, 1))


def interval_kind(clusters: int) -> str:
    """Name of the interval for the signature: bias-corrected and accelerated, or percentile; exact where a score is constant."""
    return "bca+exact" if clusters <= LARGEST_BCA else "percentile+exact"


def settings_of(clusters: int, resampling: Resampling, split: Split) -> list[str]:
    """The part of a signature that says how the intervals were computed, and by which version of lowres.

    Models, and what else there is to choose, are chosen on dev: a score on dev says so, since it is too good.
    """
    return [
        *(["model-chosen-on:dev"] if split == "dev" else []),
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
    the spread: its bounds are infinite. Where a statistic is constant the bounds are its value: see `Intervals.widened`.
    """
    value = statistic(np.ones((1, clusters)))[0]
    if clusters < 2:
        unknown = np.full_like(value, np.inf)
        return Intervals(value, -unknown, unknown, np.zeros(value.shape, dtype=bool))

    def drawn(indices: NDArray[np.int64], axis: int = -1) -> Floats:
        flat = np.atleast_2d(np.moveaxis(indices, axis, -1))
        offsets = np.arange(len(flat))[:, None] * clusters
        weights = np.bincount((flat + offsets).ravel(), minlength=len(flat) * clusters).reshape(len(flat), clusters)
        values = statistic(weights.astype(np.float64)).T
        return values[:, 0] if indices.ndim == 1 else values

    from scipy import stats  # takes half a second to load, which predicting does not need

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
            method="BCa" if clusters <= LARGEST_BCA else "percentile",
            rng=np.random.default_rng(resampling.seed),
        )
    tail = (1 - resampling.confidence) / 2
    plain = np.quantile(result.bootstrap_distribution, [tail, 1 - tail], axis=-1)
    low = np.where(np.isnan(result.confidence_interval.low), plain[0], result.confidence_interval.low)
    high = np.where(np.isnan(result.confidence_interval.high), plain[1], result.confidence_interval.high)
    constant = np.ptp(result.bootstrap_distribution, axis=-1) <= 1e-9
    return Intervals(value, np.minimum(low, value), np.maximum(high, value), constant)


def _version() -> str:
    try:
        return version("lowres")
    except PackageNotFoundError:
        return "source"
