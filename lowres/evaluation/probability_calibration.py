"""How well the probabilities of labels agree with the truth: whether of the texts given with 80 %, 80 in 100 are right."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lowres.evaluation.estimate_calibration import BIAS, equal_bins
from lowres.evaluation.resampling import Resampling
from lowres.evaluation.scoring import Key, estimate
from lowres.evaluation.sufficient_statistics import Floats, number_clusters, share
from lowres.score import CalibrationBin, CalibrationFacts, Split

BRIER = "Brier score"


def calibration_facts(
    probabilities: Floats,
    targets: Sequence[int],
    clusters: Sequence[str],
    temperature: float,
    *,
    split: Split,
    resampling: Resampling,
) -> CalibrationFacts:
    """Compare the probabilities of labels, shape (rows, labels), with the label that each row has.

    They were made with this temperature; the scores of the same at temperature 1 stand beside theirs. The Brier score is half the
    squared distance to the right label (Brier 1950), 0–100. The calibration error is the mean difference between the probability of
    the predicted label and the share of right ones, in bins of equally many rows (Naeini et al. 2015); chance alone makes it larger
    than 0.
    """
    cluster, number = number_clusters(clusters, len(targets))
    given = _Judged.of(probabilities, targets)
    plain = _Judged.of(at_temperature_one(probabilities, temperature), targets)
    bins = len(given.bins)
    columns = [np.ones(len(targets)), *given.columns(), *plain.columns(), *given.rows_and_right()]
    table = np.zeros((number, len(columns)))
    np.add.at(table, cluster, np.stack(columns, axis=1))

    def values(weights: Floats) -> Floats:
        sums = weights @ table
        count = sums[:, 0]
        both = [sums[:, at : at + 1 + bins] for at in (1, 2 + bins)]
        found = [
            one for part in both for one in (share(part[:, 0], count), share(np.abs(part[:, 1:]).sum(axis=1), count))
        ]
        rows, right = np.split(sums[:, 3 + 2 * bins :], 2, axis=1)
        return np.concatenate([np.stack(found, axis=1), share(right, rows)], axis=1)

    signatures = {BRIER: f"labels:{probabilities.shape[1]}|half", BIAS: f"bins:{bins}|equal-mass"}
    keys = [Key(name, f"{name}|{signatures[name]}", number, better="lower", lowest=0.0) for name in (BRIER, BIAS)]
    keys = [*keys, *keys, *(Key("bin", "right", number) for _ in given.bins)]
    scores = estimate(values, keys, number, split=split, resampling=resampling, width=len(columns))
    return CalibrationFacts(
        temperature=temperature, scores=scores[:2], untempered=scores[2:4],
        bins=[
            CalibrationBin(
                sentences=int(inside.sum()), estimated=float(given.guess[inside].mean()), true=one.value, low=one.low, high=one.high
            )
            for inside, one in zip(given.bins, scores[4:], strict=True)
        ],
    )  # fmt: skip


@dataclass(frozen=True)
class _Judged:
    """Of each row, 0–100: half the squared distance to the right label, the probability of the predicted label, and whether that is
    right. `bins` are masks of rows with similar probabilities.
    """

    distance: Floats
    guess: Floats
    right: Floats
    bins: Sequence[NDArray[np.bool_]]

    @classmethod
    def of(cls, probabilities: Floats, targets: Sequence[int]) -> "_Judged":
        true = np.zeros_like(probabilities)
        true[np.arange(len(targets)), targets] = 1
        guess: Floats = 100 * probabilities.max(axis=1)
        right = np.where(probabilities.argmax(axis=1) == np.asarray(targets), 100.0, 0.0)
        distance: Floats = 50 * ((probabilities - true) ** 2).sum(axis=1)
        return cls(distance, guess, right, equal_bins(guess))

    def columns(self) -> list[Floats]:
        """What the two scores need of each row: its distance, then how far its guess is off, in the column of its bin."""
        return [self.distance, *(np.where(inside, self.right - self.guess, 0.0) for inside in self.bins)]

    def rows_and_right(self) -> list[Floats]:
        """For each bin whether a row is in it, then for each whether it is right."""
        return [
            *(np.where(inside, 1.0, 0.0) for inside in self.bins),
            *(np.where(inside, self.right, 0.0) for inside in self.bins),
        ]


def at_temperature_one(probabilities: Floats, temperature: float) -> Floats:
    """The probabilities before they were divided by a temperature: p to the power of it, normalised."""
    logits = temperature * np.log(np.maximum(probabilities, 1e-300))
    found: Floats = np.exp(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))
    return found
