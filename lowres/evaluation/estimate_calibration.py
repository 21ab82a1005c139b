"""How well estimated scores agree with true ones: coverage of the intervals, calibration in bins, and what flagging finds."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from lowres.evaluation.estimator import BEST, WORST, Estimate, flagged_rows
from lowres.evaluation.resampling import Resampling
from lowres.evaluation.scoring import Key, estimate
from lowres.evaluation.sufficient_statistics import Floats, number_clusters, share
from lowres.score import Better, CalibrationBin, ConfidenceFacts, Split

FLAGGED = 0.2  # share of the sentences with the lowest estimates
BINS = 10
COVERAGE, ERROR, BIAS = "coverage", "mean absolute error", "calibration error"
LOWEST, REST, GAIN = "chrF++ of flagged", "chrF++ of the rest", "rest above flagged"


def confidence_facts(
    estimates: Sequence[Estimate],
    scores: Sequence[float],
    clusters: Sequence[str],
    *,
    level: float,
    fitted_on: Mapping[str, int],
    split: Split,
    resampling: Resampling,
) -> ConfidenceFacts:
    """Compare estimates with the true scores of the same sentences (0–100), one entry per sentence, at least one.

    All scores are means over sentences. “Calibration error” is the mean difference between estimate and truth in bins of equally many
    sentences (Naeini et al. 2015, for probabilities), which chance alone makes larger than 0.
    """
    cluster, number = number_clusters(clusters, len(scores))
    truth, guess = np.array(scores), np.array([one.value for one in estimates])
    held = np.array([one.low <= score <= one.high for one, score in zip(estimates, scores, strict=True)])
    flagged = flagged_rows(guess.tolist(), FLAGGED)
    bins = equal_bins(guess)
    parts = [np.ones(len(truth)), 100.0 * held, np.abs(truth - guess), flagged, flagged * truth, (1 - flagged) * truth]
    parts += [column for rows in bins for column in (rows * 1.0, rows * truth, rows * guess)]
    table = np.zeros((number, len(parts)))
    np.add.at(table, cluster, np.stack(parts, axis=1))

    def values(weights: Floats) -> Floats:
        sums = weights @ table
        rows, covered, error, low, low_truth, high_truth = sums[:, :6].T
        inside, right, said = sums[:, 6::3], sums[:, 7::3], sums[:, 8::3]
        off = (np.abs(right - said) / np.maximum(rows, 1)[:, None]).sum(axis=1)
        lowest, rest = share(low_truth, low), share(high_truth, rows - low)
        whole = [share(covered, rows), share(error, rows), off, lowest, rest, rest - lowest]
        return np.concatenate([np.stack(whole, axis=1), share(right, inside)], axis=1)

    signature = f"sentence-chrF++|level:{100 * level:g}|flagged:{100 * FLAGGED:g}|bins:{len(bins)}"
    named: list[tuple[str, Better, float]] = [
        (COVERAGE, "higher", WORST), (ERROR, "lower", WORST), (BIAS, "lower", WORST), (LOWEST, "higher", WORST),
        (REST, "higher", WORST), (GAIN, "higher", WORST - BEST),
    ]  # fmt: skip
    named += [("bin", "higher", WORST) for _ in bins]
    keys = [Key(name, f"{name}|{signature}", number, better=better, lowest=lowest) for name, better, lowest in named]
    found = estimate(values, keys, number, split=split, resampling=resampling, width=table.shape[1])
    whole, by_bin = found[: -len(bins)], found[-len(bins) :]
    return ConfidenceFacts(
        level=level, flagged=FLAGGED, fitted_on=dict(fitted_on), sentences=len(scores), scores=whole,
        bins=[
            CalibrationBin(
                sentences=int(rows.sum()), estimated=float(guess[rows].mean()), true=score.value, low=score.low, high=score.high
            )
            for rows, score in zip(bins, by_bin, strict=True)
        ],
    )  # fmt: skip


def equal_bins(guess: Floats) -> list[NDArray[np.bool_]]:
    """Masks of about equally many rows each, from the lowest estimates to the highest; none is empty."""
    order = np.argsort(guess, kind="stable")
    parts = [part for part in np.array_split(order, BINS) if len(part)]
    return [np.isin(np.arange(len(guess)), part) for part in parts]
