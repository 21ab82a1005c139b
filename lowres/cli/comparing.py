"""compare: two or more runs on the same test rows."""

from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from lowres.cli.making import json_option
from lowres.cli.safe_text import echo, echo_json

if TYPE_CHECKING:
    from lowres.summary import Ranking


@click.command()
@click.argument("systems", nargs=-1, required=True)
@click.option("--parts", is_flag=True, help="Also the baselines of each run, and its parts by themselves.")
@click.option(
    "--html", type=click.Path(path_type=Path, dir_okay=False), help="Also write a page that shows the comparison."
)
@click.option("--confidence", type=click.FloatRange(0.5, 0.999), default=0.95, show_default=True)
@click.option("--resamples", type=click.IntRange(100), default=1000, show_default=True, help="Bootstrap resamples.")
@click.option("--seed", type=click.IntRange(0), default=13, show_default=True, help="Seed of resamples and tests.")
@json_option
def compare(
    systems: tuple[str, ...],
    parts: bool,
    html: Path | None,
    confidence: float,
    resamples: int,
    seed: int,
    as_json: bool,
) -> None:
    """Compare two or more SYSTEMS on the same test rows: folders of runs, or files like their predictions.jsonl.

    A folder of `lowres run --seeds` is one system with several seeds; such runs may also be joined by commas: lowres compare a-1,a-2
    b-1,b-2. Every pair is tested; p values are corrected for the number of pairs.
    """
    from lowres.evaluation.prediction_files import read_predictions, with_parts
    from lowres.evaluation.ranking import rank_predictions
    from lowres.evaluation.resampling import Resampling
    from lowres.runs.layout import runs_of

    if len(systems) < 2 and not parts:
        raise click.UsageError("name two or more systems: lowres compare runs/a runs/b")
    found = {
        name: [read_predictions(run) for path in system.split(",") for run in runs_of(Path(path))]
        for name, system in zip(names(systems), systems, strict=True)
    }
    if parts:
        found = {name: some for one, runs in found.items() for name, some in with_parts(one, runs).items()}
    ranking = rank_predictions(found, Resampling(confidence, resamples, seed))
    if html:
        from lowres.atomic import write_whole
        from lowres.report import render_ranking

        write_whole(html, render_ranking(ranking))
    if as_json:
        echo_json(ranking.model_dump_json(indent=1))
        return
    for line in told(ranking):
        echo(line)
    if html:
        echo(f"page: {html}")


def names(systems: tuple[str, ...]) -> list[str]:
    """A short name for each system, the last part of its first path; the whole where two are alike."""
    short = [Path(system.split(",")[0]).name for system in systems]
    return [name if short.count(name) == 1 else system for name, system in zip(short, systems, strict=True)]


def told(ranking: "Ranking") -> list[str]:
    """The ranking in lines: systems from best to worst, pairs, and what they tell."""
    width = max(len(one.name) for one in ranking.systems)
    digits = ranking.systems[0].score.digits
    lines = []
    for one in ranking.systems:
        spread = "one seed" if one.by_seed else "one answer of all seeds"
        if one.seed_spread is not None:
            spread = f"{len(one.by_seed)} seeds, standard deviation {one.seed_spread:.{digits}f}"
        bounds = _interval(one.score.low, one.score.high, f".{digits}f")
        lines.append(
            f"{one.name:<{width}}  {one.score.name} {one.score.value:.{digits}f}  "
            f"{one.score.confidence:.0%} interval {bounds}  {spread}"
        )
    lines.append("")
    for pair in ranking.pairs:
        found = pair.comparison
        bounds = _interval(found.low, found.high, f"+.{digits}f")
        p = "p < 0.001" if found.p < 0.001 else f"p = {found.p:.2g}"
        lines.append(f"{pair.better} − {pair.worse}: {found.difference:+.{digits}f} {bounds}, {p}")
    if ranking.pairs:
        lines += [f"({ranking.pairs[0].comparison.test})", ""]
    return [*lines, *ranking.findings]


def _interval(low: float, high: float, form: str) -> str:
    return f"[{low:{form}}, {high:{form}}]" if isfinite(low) and isfinite(high) else "not estimable"
