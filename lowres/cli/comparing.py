"""compare: two or more runs on the same test rows."""

import json as json_format
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from lowres.cli.making import json_option
from lowres.cli.safe_text import echo, echo_json

if TYPE_CHECKING:
    from lowres.evaluation.ranking import Ranking


@click.command()
@click.argument("systems", nargs=-1, required=True)
@click.option("--confidence", type=click.FloatRange(0.5, 0.999), default=0.95, show_default=True)
@click.option("--resamples", type=click.IntRange(100), default=1000, show_default=True, help="Bootstrap resamples.")
@click.option("--seed", type=click.IntRange(0), default=13, show_default=True, help="Seed of resamples and tests.")
@json_option
def compare(systems: tuple[str, ...], confidence: float, resamples: int, seed: int, as_json: bool) -> None:
    """Compare two or more SYSTEMS on the same test rows: folders of runs, or files like their predictions.jsonl.

    Runs of one system with several seeds are joined by commas: lowres compare a-1,a-2,a-3 b-1,b-2,b-3. Every pair is tested; p values
    are corrected for the number of pairs.
    """
    from lowres.evaluation.prediction_files import read_predictions, statistics_of
    from lowres.evaluation.ranking import System, rank
    from lowres.evaluation.resampling import Resampling

    if len(systems) < 2:
        raise click.UsageError("name two or more systems: lowres compare runs/a runs/b")
    paths = [[Path(path) for path in system.split(",")] for system in systems]
    counted = iter(statistics_of([read_predictions(path) for runs in paths for path in runs]))
    ranking = rank(
        [
            System(name, tuple(next(counted) for _ in runs))
            for name, runs in zip(names(systems), paths, strict=True)
        ],
        Resampling(confidence, resamples, seed),
    )  # fmt: skip
    if as_json:
        echo_json(json_format.dumps(as_facts(ranking), ensure_ascii=False, indent=1))
        return
    for line in told(ranking):
        echo(line)


def names(systems: tuple[str, ...]) -> list[str]:
    """A short name for each system, the last part of its first path; the whole where two are alike."""
    short = [Path(system.split(",")[0]).name for system in systems]
    return [name if short.count(name) == 1 else system for name, system in zip(short, systems, strict=True)]


def as_facts(ranking: "Ranking") -> dict[str, object]:
    """The ranking as JSON can hold it."""
    return {
        "systems": [
            {**asdict(one), "score": one.score.model_dump(mode="json")} for one in ranking.systems
        ],
        "pairs": [
            {**asdict(pair), "comparison": pair.comparison.model_dump(mode="json"), "clear": pair.comparison.clear}
            for pair in ranking.pairings
        ],
        "findings": list(ranking.findings),
    }  # fmt: skip


def told(ranking: "Ranking") -> list[str]:
    """The ranking in lines: systems from best to worst, pairs, and what they tell."""
    width = max(len(one.name) for one in ranking.systems)
    digits = ranking.systems[0].score.digits
    lines = []
    for one in ranking.systems:
        spread = "one seed"
        if one.seed_spread is not None:
            spread = f"{len(one.by_seed)} seeds, standard deviation {one.seed_spread:.{digits}f}"
        bounds = _interval(one.score.low, one.score.high, f".{digits}f")
        lines.append(
            f"{one.name:<{width}}  {one.score.name} {one.score.value:.{digits}f}  "
            f"{one.score.confidence:.0%} interval {bounds}  {spread}"
        )
    lines.append("")
    for pair in ranking.pairings:
        found = pair.comparison
        bounds = _interval(found.low, found.high, f"+.{digits}f")
        p = "p < 0.001" if found.p < 0.001 else f"p = {found.p:.2g}"
        lines.append(f"{pair.better} − {pair.worse}: {found.difference:+.{digits}f} {bounds}, {p}")
    if ranking.pairings:
        lines += [f"({ranking.pairings[0].comparison.test})", ""]
    return [*lines, *ranking.findings]


def _interval(low: float, high: float, form: str) -> str:
    return f"[{low:{form}}, {high:{form}}]" if isfinite(low) and isfinite(high) else "not estimable"
