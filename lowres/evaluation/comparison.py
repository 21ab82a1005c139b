"""Two systems on the same rows: is one better than the other, and by how much?"""

from collections.abc import Sequence

import numpy as np
from statsmodels.stats.multitest import multipletests

from lowres.evaluation.counts import HEADLINE, Counts, Floats, count, macro_f1, mean_over_languages
from lowres.evaluation.record import Comparison, Transfer
from lowres.evaluation.resampling import bootstrap

RANDOMISATIONS = 10_000
_BATCH_CELLS = 4_000_000


def compare(
    references: Sequence[str],
    ours: Sequence[str],
    theirs: Sequence[str],
    languages: Sequence[str],
    groups: Sequence[str],
    labels: Sequence[str],
    *,
    against: str,
    confidence: float,
    resamples: int,
    seed: int,
) -> list[Comparison]:
    """Difference in macro-F1, ours minus theirs: overall first, then by language when there are several.

    Intervals come from a paired cluster bootstrap, p values (two-sided) from paired approximate randomisation: the two
    systems' predictions are exchanged group by group at random, and p = (1 + differences as large) / (1 + exchanges)
    (Noreen 1989; the +1 as in Davison & Hinkley 1997, § 4.2). P values by language are corrected together after Holm
    (1979); the overall one is a single test. Arguments and errors are those of `classification_scores`.
    """
    mine = count(references, ours, languages, labels, groups)
    other = count(references, theirs, languages, labels, groups)
    found = bootstrap(
        lambda weights: _headlines(mine.weighted(weights)) - _headlines(other.weighted(weights)),
        mine.groups,
        confidence=confidence,
        resamples=resamples,
        seed=seed,
    )
    p = randomisation_p(mine, other, seed=seed)
    name = f"paired approximate randomisation over {mine.groups} groups, {RANDOMISATIONS} exchanges"
    tests = [name]
    if len(p) > 1:
        p[1:] = multipletests(p[1:], method="holm")[1]
        tests += [f"{name}, Holm correction over {len(p) - 1} languages"] * (len(p) - 1)
    return [
        Comparison(
            against=against,
            score=HEADLINE,
            difference=float(found.value[i]),
            low=max(float(found.low[i]), -100.0),
            high=min(float(found.high[i]), 100.0),
            confidence=confidence,
            p=float(p[i]),
            test=tests[i],
            language=mine.languages[i - 1] if i else None,
        )
        for i in range(len(p))
    ]


def randomisation_p(ours: Counts, theirs: Counts, *, seed: int) -> Floats:
    """Two-sided p values of the difference in macro-F1, uncorrected: overall, then by language when several."""
    random = np.random.default_rng(seed)
    gain = theirs.matrix - ours.matrix  # what exchanging a group adds to ours and takes from theirs
    totals = ours.total, theirs.total
    observed = np.abs(_headlines(totals[0][None]) - _headlines(totals[1][None]))
    as_large = np.zeros(observed.shape[1])
    left = RANDOMISATIONS
    while left:
        batch = min(left, max(1, _BATCH_CELLS // ours.groups))
        exchanged = random.integers(0, 2, size=(ours.groups, batch)).astype(np.float64)
        change = np.asarray((gain.T @ exchanged).T).reshape(batch, *totals[0].shape)
        difference = np.abs(_headlines(totals[0] + change) - _headlines(totals[1] - change))
        as_large += (difference >= observed - 1e-9).sum(axis=0)
        left -= batch
    return (1 + as_large) / (1 + RANDOMISATIONS)


def transfer_verdict(comparisons: Sequence[Comparison]) -> Transfer:
    """Whether transfer helped: the overall comparison with the best baseline, in words.

    A difference is clear when its p value is below 1 - confidence and its interval leaves out zero.
    """
    overall = [comparison for comparison in comparisons if comparison.language is None]
    if not overall:
        return Transfer(verdict="not tested", why="no baseline was scored on the same rows")
    best = min(overall, key=lambda comparison: comparison.difference)
    found = _finding(best)
    clear = best.p < 1 - best.confidence and not best.low <= 0 <= best.high
    if not clear:
        return Transfer(verdict="no clear difference", why=found)
    return Transfer(verdict="helps" if best.difference > 0 else "hurts", why=found)


def _finding(best: Comparison) -> str:
    direction = "higher" if best.difference >= 0 else "lower"
    p = "p < 0.001" if best.p < 0.001 else f"p = {best.p:.2g}"
    return (
        f"{best.score} is {abs(best.difference):.1f} {direction} than that of the best baseline, {best.against} "
        f"({100 * best.confidence:g} % interval of the difference {best.low:+.1f} to {best.high:+.1f}, {p})"
    )


def _headlines(counts: Floats) -> Floats:
    """Counts (samples, languages, 3, labels) → macro-F1 (samples, 1 + languages), or (samples, 1) for one language."""
    each = macro_f1(counts)
    overall = mean_over_languages(each, counts)[:, None]
    return overall if each.shape[1] == 1 else np.concatenate([overall, each], axis=1)
