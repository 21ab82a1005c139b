"""The page of several runs: a pure function from a ranking, or from the summary of one recipe's seeds, to one HTML page."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from markupsafe import Markup

from lowres.languages import Language
from lowres.report.formatting import interval, language_of, listing, number, p_number
from lowres.report.page import environment
from lowres.report.plots import Axis, Marker, Point, axis, scale, whiskers
from lowres.report.table_rows import Cell
from lowres.score import Score
from lowres.summary import Pairing, Ranked, Ranking, Summary

OURS: Marker = "circle"
OTHER: Marker = "diamond"
FEW_SEEDS = 3


@dataclass(frozen=True)
class RankedRow:
    """A system: its score with the interval over test rows, and apart from it what its seeds reached."""

    name: str
    plot: Markup
    score: Cell
    seeds: str
    spread: str
    ours: bool


@dataclass(frozen=True)
class PairRow:
    """Two systems and what the comparison says."""

    better: str
    worse: str
    difference: Cell
    p: str
    said: str
    finding: str


@dataclass(frozen=True)
class LanguageScores:
    """One language or direction with the score of each system."""

    language: Language
    cells: tuple[Cell, ...]


def render_summary(summary: Summary) -> str:
    """Render what the runs of one recipe say together."""
    many = f"{len(summary.runs)} seeds"
    return _render(summary.recipe.name, f"lowres report · {many}", summary.ranking, summary)


def render_ranking(ranking: Ranking) -> str:
    """Render a comparison of several systems."""
    names = [one.name for one in ranking.systems]
    return _render(listing(names, most=4), f"lowres comparison · {len(names)} systems", ranking, None)


def _render(title: str, eyebrow: str, ranking: Ranking, summary: Summary | None) -> str:
    first = ranking.systems[0].score
    ours = summary.ours if summary else ""
    across = axis([value for one in ranking.systems for value in _drawn(one)], floor=0, ceiling=_ceiling(first))
    return (
        environment()
        .get_template("ranking.html")
        .render(
            title=title,
            eyebrow=eyebrow,
            style=Markup(files("lowres.report").joinpath("page.css").read_text(encoding="utf-8")),
            metric=first.name,
            clusters=first.clusters,
            confidence=first.confidence,
            verdict=_verdict(summary),
            findings=ranking.findings,
            scale=scale(across),
            systems=[_row(one, across, one.name == ours) for one in ranking.systems],
            pairs=[_pair(pair, ranking) for pair in ranking.pairs],
            by_language=_by_language(ranking.systems),
            runs=summary.runs if summary else [],
            recipe=summary.recipe.text if summary else "",
            command=_command(summary),
            signatures=list(dict.fromkeys(one.score.signature for one in ranking.systems)),
            tests=list(dict.fromkeys(pair.comparison.test for pair in ranking.pairs)),
            together=any(not one.by_seed for one in ranking.systems),
            several_seeds=any(one.seed_spread is not None for one in ranking.systems),
            few_seeds=any(1 < len(one.by_seed) < FEW_SEEDS for one in ranking.systems),
        )
    )


def _verdict(summary: Summary | None) -> str:
    """The result of the recipe's own system in a sentence; empty for a comparison."""
    if summary is None:
        return ""
    one = summary.ranking.system(summary.ours)
    digits = one.score.digits
    values = listing([number(value, digits) for value in one.by_seed], most=len(one.by_seed))
    spread = "" if one.seed_spread is None else f" (standard deviation {number(one.seed_spread, digits)})"
    bounds = f"{100 * one.score.confidence:g}\u202f% interval {interval(one.score.low, one.score.high, digits)}"
    return (
        f"Over {len(one.by_seed)} seeds the {one.score.name} is {number(one.score.value, digits)} ({bounds} over test texts). "
        f"By seed it is {values}{spread}."
    )


def _command(summary: Summary | None) -> str:
    return f"lowres run {summary.recipe.path} --seeds {len(summary.runs)}" if summary else ""


def _ceiling(score: Score) -> float:
    return 100.0 if score.unit == "points" else math.inf


def _drawn(one: Ranked) -> list[float]:
    """Every value that the plot of a system shows."""
    return [value for value in (one.score.low, one.score.high, one.score.value, *one.by_seed) if math.isfinite(value)]


def _row(one: Ranked, across: Axis, ours: bool) -> RankedRow:
    score, digits = one.score, one.score.digits
    low, high = (bound if math.isfinite(bound) else score.value for bound in (score.low, score.high))
    seeds = one.by_seed if len(one.by_seed) > 1 else []
    point = Point(one.name, score.value, low, high, OURS if ours else OTHER, digits, tuple(seeds))
    by_seed = " ".join(number(value, digits) for value in seeds) or ("one seed" if one.by_seed else "–")
    return RankedRow(
        one.name, whiskers([point], across), _cell(score), by_seed,
        "–" if one.seed_spread is None else number(one.seed_spread, digits), ours,
    )  # fmt: skip


def _pair(pair: Pairing, ranking: Ranking) -> PairRow:
    found = pair.comparison
    value, low, high = found.gain
    difference = Cell(number(value, found.digits, sign=True), interval(low, high, found.digits, sign=True))
    if not pair.clear:
        said, finding = "could be chance: too few test texts", "unclear"
    elif pair.beyond_seeds is False:
        said, finding = "no more than seeds differ", "unclear"
    else:
        lonely = any(len(ranking.system(name).by_seed) == 1 for name in (pair.better, pair.worse))
        said, finding = "better, with one seed" if lonely else "better", "better"
    return PairRow(pair.better, pair.worse, difference, p_number(found.p), said, finding)


def _by_language(systems: Sequence[Ranked]) -> list[LanguageScores]:
    tags = dict.fromkeys(score.language for one in systems for score in one.by_language)
    return [
        LanguageScores(
            language_of(tag or ""),
            tuple(next((_cell(s) for s in one.by_language if s.language == tag), Cell()) for one in systems),
        )
        for tag in tags
    ]


def _cell(score: Score) -> Cell:
    return Cell(number(score.value, score.digits), interval(score.low, score.high, score.digits))
