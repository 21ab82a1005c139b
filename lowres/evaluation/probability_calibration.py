"""How well the probabilities of labels agree with the truth: whether of the texts given with 80 %, 80 in 100 are right."""

from collections.abc import Sequence

import numpy as np

from lowres.evaluation.estimate_calibration import BIAS, equal_bins
from lowres.evaluation.resampling import Resampling
from lowres.evaluation.scoring import Key, estimate
from lowres.evaluation.sufficient_statistics import Floats, number_clusters, share
from lowres.record import CalibrationBin, CalibrationFacts
from lowres.score import Split

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
    rows = np.arange(len(targets))
    parts: list[Floats] = [np.ones(len(targets))]
    widths: list[int] = []
    sizes: list[int] = []
    guesses: list[Floats] = []
    for table in (probabilities, at_temperature_one(probabilities, temperature)):
        distance = table.copy()
        distance[rows, targets] -= 1
        guess, right = 100 * table.max(axis=1), 100.0 * (table.argmax(axis=1) == np.asarray(targets))
        bins = equal_bins(guess)
        parts += [50 * (distance**2).sum(axis=1), *(inside * (right - guess) for inside in bins)]
        widths.append(len(bins))
        if not sizes:  # of those that are given, the bins are shown
            sizes, guesses = [int(inside.sum()) for inside in bins], [guess[inside] for inside in bins]
            shown = [column for inside in bins for column in (inside * 1.0, inside * right)]
    parts += shown
    table = np.zeros((number, len(parts)))
    np.add.at(table, cluster, np.stack(parts, axis=1))

    def values(weights: Floats) -> Floats:
        sums = weights @ table
        count, at, found = sums[:, 0], 1, []
        for width in widths:
            found += [share(sums[:, at], count), share(np.abs(sums[:, at + 1 : at + 1 + width]).sum(axis=1), count)]
            at += 1 + width
        return np.concatenate([np.stack(found, axis=1), share(sums[:, at + 1 :: 2], sums[:, at::2])], axis=1)

    signatures = {BRIER: f"labels:{probabilities.shape[1]}|half", BIAS: f"bins:{len(sizes)}|equal-mass"}
    keys = [Key(name, f"{name}|{signatures[name]}", number, better="lower", lowest=0.0) for name in (BRIER, BIAS)]
    keys = [*keys, *keys, *(Key("bin", "right", number) for _ in sizes)]
    scores = estimate(values, keys, number, split=split, resampling=resampling, width=len(parts))
    return CalibrationFacts(
        temperature=temperature, scores=scores[:2], untempered=scores[2:4],
        bins=[
            CalibrationBin(sentences=size, estimated=float(guess.mean()), true=score.value, low=score.low, high=score.high)
            for size, guess, score in zip(sizes, guesses, scores[4:], strict=True)
        ],
    )  # fmt: skip


def at_temperature_one(probabilities: Floats, temperature: float) -> Floats:
    """The probabilities before they were divided by a temperature: p to the power of it, normalised."""
    logits = temperature * np.log(np.maximum(probabilities, 1e-300))
    found: Floats = np.exp(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))
    return found
