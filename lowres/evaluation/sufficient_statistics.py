"""Sufficient statistics: the results of a system as sums over clusters of rows.

A corpus-level measure is a function of counts summed over its rows: right and wrong labels, matching n-grams. The counts
are taken once for each cluster of rows; a resample of the test set is a weight for each cluster, that is one matrix product.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from lowres.score import Better, Unit

Floats = NDArray[np.float64]
# A dense matrix product is faster than a sparse one when at least this share of the cells is filled.
_DENSE = 0.1


@dataclass(frozen=True)
class Metric:
    """The score by which systems are compared: functions of sums (..., languages, *shape) → (..., languages).

    `score` is 0–100 unless `unit` says otherwise; `rows` is the number of rows of each language.
    """

    name: str
    score: Callable[[Floats], Floats]
    rows: Callable[[Floats], Floats]
    better: Better = "higher"
    unit: Unit = "points"


@dataclass(frozen=True)
class SufficientStatistics:
    """The counts of one system: `shape` cells for each language (or direction) and cluster of rows.

    Where all rows are pooled, the one language is None. `matrix` has shape (clusters, languages * cells); `support` is the
    number of clusters that have rows in each language, shape (languages,).
    """

    languages: tuple[str | None, ...]
    shape: tuple[int, ...]
    clusters: int
    matrix: Any  # an array, or a scipy.sparse.csr_array, which has no types
    primary_metric: Metric
    support: Floats

    @property
    def width(self) -> int:
        """The number of cells of a cluster."""
        return len(self.languages) * prod(self.shape)

    def weighted(self, weights: Floats) -> Floats:
        """Sums of resamples: weights (..., clusters) → (..., languages, *shape)."""
        flat = np.asarray((self.matrix.T @ weights.reshape(-1, self.clusters).T).T)
        return flat.reshape(*weights.shape[:-1], len(self.languages), *self.shape)

    @property
    def total(self) -> Floats:
        """Sums over all rows, (languages, *shape)."""
        return self.weighted(np.ones(self.clusters))

    def primary_values(self, sums: Floats) -> Floats:
        """Sums (samples, languages, *shape) → primary metric (samples, 1 + languages), or (samples, 1) for one language."""
        return with_mean(self.primary_metric.score(sums), self.primary_metric.rows(sums))


def number_clusters(clusters: Sequence[str] | None, rows: int) -> tuple[NDArray[np.int64], int]:
    """The index of each row's cluster, shape (rows,), and the number of clusters; without `clusters` each row is one.

    Raises ValueError when there are not as many names of clusters as rows.
    """
    if clusters is None:
        return np.arange(rows), rows
    if len(clusters) != rows:
        raise ValueError(f"{len(clusters)} clusters for {rows} rows")
    number_of = {name: number for number, name in enumerate(dict.fromkeys(clusters))}
    return np.array([number_of[name] for name in clusters], dtype=np.int64), len(number_of)


def clusters_with(clusters: NDArray[np.int64], cells: NDArray[np.int64], number: int) -> Floats:
    """How many different clusters each of `number` cells has; `clusters` and `cells` say what belongs together."""
    pairs = np.unique(np.stack([np.broadcast_to(clusters, cells.shape), cells]), axis=1)
    return np.bincount(pairs[1], minlength=number).astype(np.float64)


def add_up(
    clusters: NDArray[np.int64], cells: NDArray[np.int64], amounts: NDArray[np.number[Any]], shape: tuple[int, int]
) -> Any:
    """The matrix of `SufficientStatistics`: amounts added up by cluster and cell, each argument of shape (amounts,)."""
    matrix = csr_array((np.asarray(amounts, dtype=np.float64), (clusters, cells)), shape=shape)
    matrix.sum_duplicates()
    return matrix.toarray() if matrix.nnz > _DENSE * prod(shape) else matrix


def share(part: Floats, whole: Floats) -> Floats:
    """part / whole, and 0 where the whole is 0."""
    return np.divide(part, whole, out=np.zeros(np.broadcast_shapes(part.shape, whole.shape)), where=whole > 0)


def mean_over_languages(values: Floats, rows: Floats) -> Floats:
    """Mean over the languages that have rows: both (..., languages) → (...)."""
    present = rows > 0
    return share((values * present).sum(axis=-1), present.sum(axis=-1))


def with_mean(values: Floats, rows: Floats) -> Floats:
    """The mean before the values: (..., languages) → (..., 1 + languages); one language is its own mean, (..., 1)."""
    mean = mean_over_languages(values, rows)[..., None]
    return mean if values.shape[-1] == 1 else np.concatenate([mean, values], axis=-1)
