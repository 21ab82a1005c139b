"""Several systems on the same rows: which is better, as far as the test set and the seeds can tell."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from lowres.evaluation.comparison import compare_statistics, corrected
from lowres.evaluation.resampling import Resampling
from lowres.evaluation.scoring import Key, estimate
from lowres.evaluation.sufficient_statistics import SufficientStatistics
from lowres.record import Comparison, Score, merit


@dataclass(frozen=True)
class System:
    """A system by the results of its runs on the same test rows, one for each seed."""

    name: str
    runs: tuple[SufficientStatistics, ...]


@dataclass(frozen=True)
class Ranked:
    """A system with its score over the predictions of all its runs together.

    The interval tells how the score would differ on other test rows. `by_seed` are the scores of the single runs, and `seed_spread`
    is their standard deviation, which tells how the score differs between seeds; it is None for a single run.
    """

    name: str
    score: Score
    by_seed: tuple[float, ...]
    seed_spread: float | None


@dataclass(frozen=True)
class Pairing:
    """Two systems, compared on the same rows: `comparison` is `better` minus `worse`.

    `beyond_seeds` says whether the difference is more than twice its standard error over seeds; None where a system has one run.
    """

    better: str
    worse: str
    comparison: Comparison
    beyond_seeds: bool | None


@dataclass(frozen=True)
class Ranking:
    """Systems from best to worst, all pairs of them, and what they tell in words."""

    systems: tuple[Ranked, ...]
    pairings: tuple[Pairing, ...]
    findings: tuple[str, ...]


def rank(systems: Sequence[System], resampling: Resampling, parts: str = "languages") -> Ranking:
    """Rank systems that were counted over the same rows by their primary metric.

    Every pair is compared with a paired test; p values are corrected after Holm over all pairs. `parts` says what the languages of the
    systems are called. Raises ValueError when systems were counted over different clusters or languages.
    """
    if len({(run.clusters, run.languages) for system in systems for run in system.runs}) > 1:
        raise ValueError("the systems were counted over different rows")
    pooled = {system.name: _pooled(system) for system in systems}
    ranked = sorted(
        (_ranked(system, pooled[system.name], resampling) for system in systems), key=lambda one: -merit(one.score)
    )
    pairs = list(combinations(ranked, 2))
    overall = [
        compare_statistics(pooled[one.name], pooled[other.name], parts, against=other.name, resampling=resampling)[0]
        for one, other in pairs
    ]
    pairings = tuple(
        Pairing(one.name, other.name, comparison, _beyond_seeds(one, other))
        for (one, other), comparison in zip(pairs, corrected(overall, "pairs of systems"), strict=True)
    )
    return Ranking(tuple(ranked), pairings, tuple(_findings(ranked, pairings)))


def _pooled(system: System) -> SufficientStatistics:
    """The mean of the counts over all runs: what the predictions of all of them together have."""
    matrix = sum(run.matrix for run in system.runs) / len(system.runs)
    return replace(system.runs[0], matrix=matrix)


def _ranked(system: System, pooled: SufficientStatistics, resampling: Resampling) -> Ranked:
    metric, bits = pooled.primary_metric, pooled.primary_metric.unit == "bits"
    top = np.inf if bits else 100.0
    average = "languages" if len(pooled.languages) > 1 else "rows"
    key = Key(
        metric.name, f"{metric.name}|seeds:{len(system.runs)}|average:{average}", pooled.clusters, better=metric.better,
        unit=metric.unit, highest=top, limit=top,
    )  # fmt: skip
    (score,) = estimate(
        lambda weights: pooled.primary_values(pooled.weighted(weights))[:, :1], [key], pooled.clusters, split="test",
        resampling=resampling, width=pooled.width,
    )  # fmt: skip
    by_seed = tuple(float(run.primary_values(run.total[None])[0, 0]) for run in system.runs)
    return Ranked(system.name, score, by_seed, float(np.std(by_seed, ddof=1)) if len(by_seed) > 1 else None)


def _beyond_seeds(one: Ranked, other: Ranked) -> bool | None:
    if one.seed_spread is None or other.seed_spread is None:
        return None
    error = np.hypot(one.seed_spread / len(one.by_seed) ** 0.5, other.seed_spread / len(other.by_seed) ** 0.5)
    return bool(abs(np.mean(one.by_seed) - np.mean(other.by_seed)) > 2 * error)


def _findings(ranked: Sequence[Ranked], pairings: Sequence[Pairing]) -> list[str]:
    """What the comparison tells, pair by pair where it tells something, and what it cannot tell."""
    score, found = ranked[0].score, []
    clear = [pairing for pairing in pairings if pairing.comparison.clear and pairing.beyond_seeds is not False]
    for pairing in clear:
        found.append(
            f"{pairing.better} is better than {pairing.worse} by {abs(pairing.comparison.difference):.{score.digits}f}"
        )
    if pairings and not clear:
        found.append(
            f"{score.clusters} independent test texts are too few to rank these systems: no difference is clear"
        )
    elif unclear := [pairing for pairing in pairings if not pairing.comparison.clear]:
        names = "; ".join(f"{pairing.better} and {pairing.worse}" for pairing in unclear)
        found.append(f"{score.clusters} independent test texts are too few to tell apart: {names}")
    for pairing in pairings:
        if pairing.comparison.clear and pairing.beyond_seeds is False:
            found.append(f"{pairing.better} and {pairing.worse} differ no more than their seeds do")
    if lonely := [one.name for one in ranked if one.seed_spread is None]:
        found.append(f"one seed only: {', '.join(lonely)}; with another seed the order may change")
    return found
