"""Two systems on the same rows: is one better than the other, and by how much?"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from statsmodels.stats.multitest import multipletests

from lowres.evaluation.classification_statistics import count
from lowres.evaluation.resampling import Resampling, batch_of, bootstrap
from lowres.evaluation.sufficient_statistics import Floats, SufficientStatistics
from lowres.evaluation.translation_statistics import CHRF, match
from lowres.record import Comparison, Transfer

PERMUTATIONS = 10_000


def compare(
    references: Sequence[str],
    ours: Sequence[str],
    theirs: Sequence[str],
    languages: Sequence[str],
    clusters: Sequence[str],
    labels: Sequence[str],
    *,
    against: str,
    resampling: Resampling,
) -> list[Comparison]:
    """The difference of two classifiers in macro-F1: see `compare_statistics`. For the other arguments see `classification_scores`.

    Raises DataError when there are no rows or a label is not in `labels`, ValueError when the sequences differ in length.
    """
    mine, other = (count(references, predicted, languages, labels, clusters) for predicted in (ours, theirs))
    return compare_statistics(mine, other, "languages", against=against, resampling=resampling)


def compare_translations(
    references: Sequence[str],
    ours: Sequence[str],
    theirs: Sequence[str],
    directions: Sequence[str],
    clusters: Sequence[str],
    *,
    against: str,
    resampling: Resampling,
) -> list[Comparison]:
    """The difference of two translators in chrF++: see `compare_statistics`. For the other arguments see `translation_scores`.

    The field `language` holds the direction. Raises DataError when there are no rows, ValueError when the sequences differ
    in length.
    """
    mine, other = (match(references, texts, directions, clusters, (CHRF,)) for texts in (ours, theirs))
    return compare_statistics(mine, other, "directions", against=against, resampling=resampling)


def compare_statistics(
    ours: SufficientStatistics, theirs: SufficientStatistics, parts: str, *, against: str, resampling: Resampling
) -> list[Comparison]:
    """The difference in the primary metric, ours minus theirs: overall first, then by language when there are several.

    Both systems must have been counted over the same rows. `parts` says what their languages are called.

    Intervals come from a paired cluster bootstrap, two-sided p values from paired approximate randomisation: the outputs of
    the two systems are swapped at random, cluster by cluster, and p = (1 + differences as large) / (1 + permutations)
    (Noreen 1989; the +1 as in Davison & Hinkley 1997, § 4.2). P values by language are corrected together after Holm
    (1979); the overall one is a single test.
    """
    found = bootstrap(
        lambda weights: ours.primary_values(ours.weighted(weights)) - theirs.primary_values(theirs.weighted(weights)),
        ours.clusters,
        resampling=resampling,
        width=ours.width,
    )
    p = randomisation_p(ours, theirs, seed=resampling.seed)
    name = f"paired approximate randomisation over {ours.clusters} clusters, {PERMUTATIONS} permutations"
    tests = [name]
    if len(p) > 1:
        p[1:] = multipletests(p[1:], method="holm")[1]
        tests += [f"{name}, Holm correction over {len(p) - 1} {parts}"] * (len(p) - 1)
    return [
        Comparison(
            against=against,
            score=ours.primary_metric.name,
            difference=float(found.value[i]),
            low=max(float(found.low[i]), -100.0),
            high=min(float(found.high[i]), 100.0),
            confidence=resampling.confidence,
            p=float(p[i]),
            test=tests[i],
            language=ours.languages[i - 1] if i else None,
            better=ours.primary_metric.better,
            unit=ours.primary_metric.unit,
        )
        for i in range(len(p))
    ]


def randomisation_p(ours: SufficientStatistics, theirs: SufficientStatistics, *, seed: int) -> Floats:
    """Two-sided, uncorrected p values of the difference in the primary metric: overall, then by language when several."""
    random = np.random.default_rng(seed)
    # What swapping a cluster adds to ours and takes from theirs.
    swap = replace(ours, matrix=theirs.matrix - ours.matrix)
    totals = ours.total[None], theirs.total[None]
    observed = np.abs(ours.primary_values(totals[0]) - theirs.primary_values(totals[1]))
    as_large = np.zeros(observed.shape[1])
    left = PERMUTATIONS
    while left:
        batch = min(left, batch_of(ours.clusters, ours.width))
        swapped = random.integers(0, 2, size=(ours.clusters, batch)).astype(np.float64)
        change = swap.weighted(swapped.T)
        difference = np.abs(ours.primary_values(totals[0] + change) - theirs.primary_values(totals[1] - change))
        as_large += (difference >= observed - 1e-9).sum(axis=0)
        left -= batch
    return (1 + as_large) / (1 + PERMUTATIONS)


def transfer_verdict(comparisons: Sequence[Comparison]) -> Transfer:
    """Whether transfer helped: the overall comparison with the best baseline, in words.

    A difference is clear when its p value is below 1 - confidence and its interval leaves out zero.
    """
    overall = [comparison for comparison in comparisons if comparison.language is None]
    if not overall:
        return Transfer(verdict="not tested", why="no baseline was scored on the same rows")
    best = min(overall, key=lambda comparison: comparison.gain[0])
    found = _finding(best)
    clear = best.p < 1 - best.confidence and not best.low <= 0 <= best.high
    if not clear:
        return Transfer(verdict="no clear difference", why=found)
    return Transfer(verdict="helps" if best.gain[0] > 0 else "hurts", why=found)


def _finding(best: Comparison) -> str:
    direction, digits = "higher" if best.difference >= 0 else "lower", best.digits
    p = "p < 0.001" if best.p < 0.001 else f"p = {best.p:.2g}"
    return (
        f"{best.score} is {abs(best.difference):.{digits}f} {direction} than that of the best baseline, {best.against} "
        f"({100 * best.confidence:g} % interval of the difference {best.low:+.{digits}f} to {best.high:+.{digits}f}, {p})"
    )
