"""How good is one answer? An estimate of its score from signals that cost little, with an interval that holds as often as it says.

Ridge regression (Hoerl & Kennard 1970, doi 10.2307/1267351) on sentences whose score is known, with bounds by split conformal
prediction (Angelopoulos & Bates 2021, arXiv 2107.07511): one half of the sentences gives the weights, the errors on the other half
give the bounds. For sentences of the same kind the share of true scores within the bounds is at least the level, whatever the signals
are worth; poor signals make wide bounds.
"""

import random
from collections.abc import Mapping, Sequence
from math import ceil, floor
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, model_validator

LEVEL = 0.8  # the share of sentences whose score lies within its bounds
LEAST = 50  # independent sentences: half of them for the weights, half for the bounds
PENALTY = 10.0  # of ridge regression, in sentences: with so many, a weight is half of what they say
WORST, BEST = 0.0, 100.0

Signals = Mapping[str, float]


class Estimate(NamedTuple):
    """An estimated score with its bounds, all 0–100."""

    value: float
    low: float
    high: float


class Estimator(BaseModel):
    """A fitted estimator: score = intercept + Σ weight · (signal − centre) / scale.

    `below` and `above` are added for the bounds; `sentences` is how many it was fitted on, both halves together.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    signals: tuple[str, ...]
    centre: tuple[float, ...]
    scale: tuple[float, ...]
    weights: tuple[float, ...]
    intercept: float
    below: float
    above: float
    level: float
    sentences: int

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if not len(self.signals) == len(self.centre) == len(self.scale) == len(self.weights) or 0 in self.scale:
            raise ValueError("signals, centre, scale and weights do not fit together")
        return self

    def estimate(self, signals: Signals) -> Estimate:
        """The estimate for one answer; a signal that it does not have is 0."""
        parts = zip(self.signals, self.centre, self.scale, self.weights, strict=True)
        value = self.intercept + sum(
            weight * (signals.get(name, 0.0) - centre) / scale for name, centre, scale, weight in parts
        )
        return Estimate(*(min(BEST, max(WORST, one)) for one in (value, value + self.below, value + self.above)))


def fit_estimator(
    signals: Sequence[Signals], scores: Sequence[float], clusters: Sequence[str], seed: int, level: float = LEVEL
) -> Estimator | None:
    """An estimator of `scores` (0–100), one entry per sentence; None where there are too few clusters.

    Sentences of one cluster translate one another, so they are on the same side of the split.
    """
    if len(set(clusters)) < LEAST:
        return None
    names = tuple(dict.fromkeys(name for one in signals for name in one))
    table = np.array([[one.get(name, 0.0) for name in names] for one in signals], dtype=np.float64)
    truth = np.array(scores, dtype=np.float64)
    first = _first_half(clusters, seed)
    centre, spread = table[first].mean(axis=0), table[first].std(axis=0)
    scale = np.where(spread > 1e-9, spread, 1.0)
    inputs, intercept = (table - centre) / scale, float(truth[first].mean())
    chosen = inputs[first]
    weights = np.linalg.solve(chosen.T @ chosen + PENALTY * np.eye(len(names)), chosen.T @ (truth[first] - intercept))
    errors = sorted(truth[~first] - intercept - inputs[~first] @ weights)
    below, above = _bounds(errors, level)
    return Estimator(
        signals=names, centre=tuple(centre.tolist()), scale=tuple(scale.tolist()), weights=tuple(weights.tolist()),
        intercept=intercept, below=below, above=above, level=level, sentences=len(scores),
    )  # fmt: skip


def _first_half(clusters: Sequence[str], seed: int) -> NDArray[np.bool_]:
    """Which sentences give the weights: those of half of the clusters, drawn by the seed."""
    names = list(dict.fromkeys(clusters))
    random.Random(seed).shuffle(names)
    half = set(names[: len(names) // 2])
    return np.array([name in half for name in clusters])


def _bounds(errors: Sequence[float], level: float) -> tuple[float, float]:
    """The quantiles of sorted errors between which a further one lies with at least the probability `level`."""
    tail, number = (1 - level) / 2, len(errors) + 1
    low, high = floor(number * tail + 1e-9), ceil(number * (1 - tail) - 1e-9)
    below = errors[low - 1] if low else WORST - BEST
    return min(below, 0.0), max(errors[high - 1] if high <= len(errors) else BEST - WORST, 0.0)


def flagged_rows(estimates: Sequence[float | None], flagged: float) -> NDArray[np.bool_]:
    """Which rows to check first: the share `flagged` with the lowest estimates, rounded up; rows without an estimate are none."""
    known = [row for row, value in enumerate(estimates) if value is not None]
    lowest = sorted(known, key=lambda row: (estimates[row], row))[: int(np.ceil(flagged * len(known) - 1e-9))]
    chosen = np.zeros(len(estimates), dtype=bool)
    chosen[lowest] = True
    return chosen
