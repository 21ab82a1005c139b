"""Two systems on the same rows: is one better than the other, and by how much?"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lowres.evaluation.classification_statistics import count
from lowres.evaluation.resampling import Resampling, batch_of, bootstrap, unseen_share
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
    behind = np.array([ours.clusters, *(ours.support if len(found.value) > 1 else ())], dtype=np.float64)
    unseen = np.where(found.constant, unseen_share(behind, resampling.confidence), 0.0)
    limit = 100.0 if ours.primary_metric.unit == "points" else np.inf
    found = found.unknown_where(behind < 2).widened(unseen, -limit, limit)
    p = randomisation_p(ours, theirs, seed=resampling.seed)
    name = f"paired approximate randomisation over {ours.clusters} clusters, {PERMUTATIONS} permutations"
    tests = [name]
    if len(p) > 1:
        p[1:] = holm(p[1:])
        tests += [f"{name}, Holm correction over {len(p) - 1} {parts}"] * (len(p) - 1)
    return [
        Comparison(
            against=against,
            score=ours.primary_metric.name,
            difference=float(found.value[i]),
            low=max(float(found.low[i]), -limit),
            high=min(float(found.high[i]), limit),
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


def holm(p: Floats) -> Floats:
    """P values corrected together after Holm (1979), jstor.org/stable/4615733: shape (tests,).

    The smallest is multiplied by the number of tests, the next by one less, and so on; none becomes smaller than the one before.
    """
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    found = np.empty(len(p))
    found[order] = np.minimum(stepped, 1.0)
    return found


def corrected(comparisons: Sequence[Comparison], family: str = "baselines") -> list[Comparison]:
    """The same comparisons with the p values over all rows corrected together after Holm (1979).

    Comparisons with several systems are several tests, and the best of several equal systems is better by chance. `family` is what
    the systems are called. P values by language stay as they are: they were corrected over the languages.
    """
    overall = [comparison for comparison in comparisons if comparison.language is None]
    if len(overall) < 2:
        return list(comparisons)
    p = iter(holm(np.array([comparison.p for comparison in overall])))
    note = f"Holm correction over {len(overall)} {family}"
    return [
        comparison
        if comparison.language is not None
        else comparison.model_copy(update={"p": float(next(p)), "test": f"{comparison.test}, {note}"})
        for comparison in comparisons
    ]


def transfer_verdict(comparisons: Sequence[Comparison], whose: str = "") -> Transfer:
    """Whether transfer helped: the overall comparisons with the baselines, in words; `whose` says of what, if not of the run.

    It helps if the run is clearly better than every baseline, and hurts if a baseline is clearly better than the run; p values
    are corrected for the number of baselines here. See `Comparison.clear`.
    """
    overall = corrected([comparison for comparison in comparisons if comparison.language is None])
    if not overall:
        return Transfer(verdict="not tested", why="no baseline was scored on the same rows")
    best = min(overall, key=lambda comparison: comparison.gain[0])
    if better := [comparison for comparison in overall if comparison.clear and comparison.gain[0] < 0]:
        return Transfer(verdict="hurts", why=_finding(min(better, key=lambda comparison: comparison.gain[0]), whose))
    if all(comparison.clear and comparison.gain[0] > 0 for comparison in overall):
        return Transfer(verdict="helps", why=_finding(best, whose))
    return Transfer(verdict="no clear difference", why=_finding(best, whose))


def _finding(best: Comparison, whose: str) -> str:
    direction, digits = "higher" if best.difference >= 0 else "lower", best.digits
    p = "p < 0.001" if best.p < 0.001 else f"p = {best.p:.2g}"
    what = f"{best.score} {whose}".strip()
    return (
        f"{what} is {abs(best.difference):.{digits}f} {direction} than that of the best baseline, {best.against} "
        f"({100 * best.confidence:g} % interval of the difference {best.low:+.{digits}f} to {best.high:+.{digits}f}, {p})"
    )
