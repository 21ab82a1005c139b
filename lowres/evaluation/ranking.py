"""Several systems on the same rows: which is better, as far as the test set and the seeds can tell."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from lowres.evaluation.comparison import compare_statistics, corrected
from lowres.evaluation.prediction_files import Predictions, statistics_of
from lowres.evaluation.resampling import Resampling
from lowres.evaluation.scoring import Key, estimate
from lowres.evaluation.sufficient_statistics import SufficientStatistics
from lowres.score import merit
from lowres.summary import Pairing, Ranked, Ranking


@dataclass(frozen=True)
class System:
    """A system by the results of its runs on the same test rows, one for each seed; or one result of all seeds `together`."""

    name: str
    runs: tuple[SufficientStatistics, ...]
    together: bool = False


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
    pairings = [
        Pairing(
            better=one.name, worse=other.name, comparison=comparison, clear=comparison.clear,
            beyond_seeds=_beyond_seeds(one, other),
        )
        for (one, other), comparison in zip(pairs, corrected(overall, "pairs of systems"), strict=True)
    ]  # fmt: skip
    return Ranking(systems=ranked, pairs=pairings, findings=list(_findings(ranked, pairings)))


def rank_predictions(
    systems: Mapping[str, Sequence[Predictions]], resampling: Resampling, together: str = ""
) -> Ranking:
    """Rank systems by the predictions of their runs; the system `together` is of all seeds.

    Raises DataError where predictions are for other rows than those of the first.
    """
    counted = iter(statistics_of([run for runs in systems.values() for run in runs]))
    kind = next(iter(systems.values()))[0].kind
    return rank(
        [System(name, tuple(next(counted) for _ in runs), name == together) for name, runs in systems.items()], resampling,
        "directions" if kind == "translations" else "languages",
    )  # fmt: skip


def _pooled(system: System) -> SufficientStatistics:
    """The mean of the counts over all runs: what the predictions of all of them together have."""
    matrix = sum(run.matrix for run in system.runs) / len(system.runs)
    return replace(system.runs[0], matrix=matrix)


def _ranked(system: System, pooled: SufficientStatistics, resampling: Resampling) -> Ranked:
    overall, *by_language = estimate(
        lambda weights: pooled.primary_values(pooled.weighted(weights)), list(_keys(pooled, len(system.runs))), pooled.clusters,
        split="test", resampling=resampling, width=pooled.width,
    )  # fmt: skip
    by_seed = [] if system.together else [float(run.primary_values(run.total[None])[0, 0]) for run in system.runs]
    spread = float(np.std(by_seed, ddof=1)) if len(by_seed) > 1 else None
    return Ranked(name=system.name, score=overall, by_seed=by_seed, seed_spread=spread, by_language=by_language)


def _keys(pooled: SufficientStatistics, seeds: int) -> Iterator[Key]:
    """What the primary values are: the mean over all languages, then each language where there are several."""
    metric, several = pooled.primary_metric, len(pooled.languages) > 1
    top = np.inf if metric.unit == "bits" else 100.0
    signature = f"{metric.name}|seeds:{seeds}|average:{'languages' if several else 'rows'}"
    parts: list[tuple[str | None, int]] = [(None, pooled.clusters)]
    parts += list(zip(pooled.languages, map(int, pooled.support), strict=True)) if several else []
    for language, clusters in parts:
        yield Key(
            metric.name, signature, clusters, language, better=metric.better, unit=metric.unit, highest=top, limit=top
        )


def _beyond_seeds(one: Ranked, other: Ranked) -> bool | None:
    if one.seed_spread is None or other.seed_spread is None:
        return None
    error = np.hypot(one.seed_spread / len(one.by_seed) ** 0.5, other.seed_spread / len(other.by_seed) ** 0.5)
    return bool(abs(np.mean(one.by_seed) - np.mean(other.by_seed)) > 2 * error)


def _findings(ranked: Sequence[Ranked], pairings: Sequence[Pairing]) -> Iterator[str]:
    """What the comparison tells, pair by pair where it tells something, and what it cannot tell."""
    if not pairings:
        return
    score, enough = ranked[0].score, f"{ranked[0].score.clusters} independent test texts are too few to"
    clear = [pairing for pairing in pairings if pairing.clear and pairing.beyond_seeds is not False]
    for pairing in clear:
        yield f"{pairing.better} is better than {pairing.worse} by {abs(pairing.comparison.difference):.{score.digits}f}"
    unclear = [f"{pairing.better} and {pairing.worse}" for pairing in pairings if not pairing.clear]
    if len(unclear) == len(pairings):
        yield f"{enough} rank these systems: no difference is clear"
    elif unclear:
        yield f"{enough} tell apart: {'; '.join(unclear)}"
    for pairing in pairings:
        if pairing.clear and pairing.beyond_seeds is False:
            yield f"{pairing.better} and {pairing.worse} differ no more than their seeds do"
    if lonely := [one.name for one in ranked if len(one.by_seed) == 1]:
        yield f"one seed only: {', '.join(lonely)}; with another seed the order may change"
