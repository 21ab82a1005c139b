"""The rows of the report's tables, made from the record."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from markupsafe import Markup

from lowres.languages import Language
from lowres.record import Comparison, Confusion, Example, Fertility, Record
from lowres.report.formatting import interval, language_of, number, p_number, percent
from lowres.report.plots import Axis, Marker, Point, axis, scale, whiskers
from lowres.score import Score, merit, overall

RUN = "this run"
MARKER: Marker = "circle"
BASELINE_MARKERS: tuple[Marker, ...] = ("diamond", "square", "triangle")
MOST_EXAMPLES = 12

Row = TypeVar("Row")


@dataclass(frozen=True)
class Cell:
    """A number and its interval as text; both are empty where the number is not known."""

    value: str = ""
    bounds: str = ""


@dataclass(frozen=True)
class SystemRow:
    """The run, or another system with the gain of the run over it."""

    name: str
    description: str
    marker: Marker
    plot: Markup
    cells: tuple[Cell, ...]
    gain: Cell
    p: str


@dataclass(frozen=True)
class LanguageRow:
    """One language: the primary metric of the run and of the best baseline, if any; `answer` is the system that answers."""

    language: Language
    rows: int | None
    plot: Markup
    model: Cell
    baseline: Cell
    gain: Cell
    p: str
    finding: str
    answer: str


@dataclass(frozen=True)
class LabelRow:
    """One label with its precision, recall and F1."""

    label: str
    rows: int | None
    plot: Markup
    precision: Cell
    recall: Cell
    f1: Cell


@dataclass(frozen=True)
class ReportTable(Generic[Row]):
    """Rows, and the scale of their plots."""

    rows: tuple[Row, ...]
    scale: Markup


@dataclass(frozen=True)
class Confused:
    """A true label and another that was predicted for it: how many `rows`, `of` all with the true label."""

    label: str
    taken_for: str
    rows: int
    of: int

    @property
    def share(self) -> str:
        """The share of the rows with the true label, as text."""
        return percent(self.rows / self.of)


def cell(score: Score | None) -> Cell:
    """A score with its interval, as text."""
    if score is None:
        return Cell()
    return Cell(number(score.value, score.digits), interval(score.low, score.high, score.digits))


def gain(comparison: Comparison | None) -> Cell:
    """By how much the run is better, with its interval, as text."""
    if comparison is None:
        return Cell()
    value, low, high = comparison.gain
    return Cell(number(value, comparison.digits, sign=True), interval(low, high, comparison.digits, sign=True))


def finding(comparison: Comparison | None) -> str:
    """Whether the run is better, worse or unclear; empty without a comparison."""
    if comparison is None:
        return ""
    if not comparison.clear:
        return "unclear"
    return "better" if comparison.gain[0] > 0 else "worse"


def measures(record: Record) -> tuple[str, ...]:
    """The names of the overall scores, the primary metric first."""
    names = [s.name for s in record.scores if s.language is None and s.label is None]
    return tuple(dict.fromkeys([record.primary_metric, *names]))


def system_table(record: Record) -> ReportTable[SystemRow] | None:
    """The run, then the baselines from best to worst, then parts of the run by themselves."""
    score = record.score
    if score is None:
        return None
    names = measures(record)
    others = sorted(record.ranked, key=lambda baseline: baseline.ablation)
    markers = [MARKER, *(BASELINE_MARKERS[min(place, len(BASELINE_MARKERS) - 1)] for place in range(len(others)))]
    systems = [(RUN, "", record.scores), *((other.name, other.description, other.scores) for other in others)]
    points = [
        [_point(name, found, marker)] if (found := overall(scores, record.primary_metric)) else []
        for (name, _, scores), marker in zip(systems, markers, strict=True)
    ]
    across = _axis([point for drawn in points for point in drawn], score)
    rows = []
    for (name, description, scores), marker, drawn in zip(systems, markers, points, strict=True):
        cells = tuple(cell(overall(scores, measure)) for measure in names)
        against = record.comparison(name)
        p = p_number(against.p) if against else ""
        rows.append(SystemRow(name, description, marker, whiskers(drawn, across), cells, gain(against), p))
    return ReportTable(tuple(rows), scale(across))


def language_table(record: Record) -> ReportTable[LanguageRow] | None:
    """One row for each language, best first; None unless there are several."""
    own = [s for s in record.scores if s.split == "test" and s.label is None and s.name == record.primary_metric]
    found = {s.language: s for s in own if s.language}
    if len(found) < 2:
        return None
    best = record.best_baseline
    theirs = {
        s.language: s
        for s in (best.scores if best else ())
        if s.split == "test" and s.label is None and s.name == record.primary_metric
    }
    points = {
        tag: [
            _point(name, s, marker)
            for name, s, marker in (
                (RUN, score, MARKER),
                (best.name if best else "", theirs.get(tag), BASELINE_MARKERS[0]),
            )
            if s
        ]
        for tag, score in found.items()
    }
    first = next(iter(found.values()))
    across = _axis([point for row in points.values() for point in row], first)
    tested = record.tested or (record.data.rows.get("test", {}) if record.data else {})
    rows = []
    for tag, score in sorted(found.items(), key=lambda item: (-merit(item[1]), item[0] or "")):
        against = record.comparison(best.name if best else "", tag)
        rows.append(
            LanguageRow(
                language=language_of(tag or ""),
                rows=tested.get(tag or ""),
                plot=whiskers(points[tag], across),
                model=cell(score),
                baseline=cell(theirs.get(tag)),
                gain=gain(against),
                p=p_number(against.p) if against else "",
                finding=finding(against),
                answer=record.answers.get(tag or "", ""),
            )
        )
    return ReportTable(tuple(rows), scale(across))


def label_table(record: Record) -> ReportTable[LabelRow] | None:
    """One row for each label, in the order of the labels."""
    by_label: dict[str, dict[str, Score]] = {}
    for score in record.scores:
        if score.label is not None and score.language is None:
            by_label.setdefault(score.label, {})[score.name] = score
    points = {label: _point("F1", s["F1"], MARKER) for label, s in by_label.items() if "F1" in s}
    if not points:
        return None
    across = _axis(list(points.values()))
    tested = (
        dict(zip(record.confusion.labels, map(sum, record.confusion.counts), strict=True)) if record.confusion else {}
    )
    rows = tuple(
        LabelRow(
            label=label,
            rows=tested.get(label),
            plot=whiskers([point], across),
            precision=cell(by_label[label].get("precision")),
            recall=cell(by_label[label].get("recall")),
            f1=cell(by_label[label]["F1"]),
        )
        for label, point in points.items()
    )
    return ReportTable(rows, scale(across))


def fits(fertility: Sequence[Fertility]) -> dict[str, dict[str, Fertility]]:
    """Fertility by language and split."""
    found: dict[str, dict[str, Fertility]] = {}
    for fit in fertility:
        found.setdefault(fit.language, {})[fit.split] = fit
    return found


def mixups(confusion: Confusion, most: int) -> list[Confused]:
    """The most frequent confusions of two labels, at most `most`."""
    found = [
        Confused(confusion.labels[i], confusion.labels[j], count, sum(row))
        for i, row in enumerate(confusion.counts)
        for j, count in enumerate(row)
        if i != j and count
    ]
    return sorted(found, key=lambda mix: -mix.rows)[:most]


def pick(examples: Sequence[Example], *, right: bool, most: int = MOST_EXAMPLES) -> list[Example]:
    """Right or wrong examples in their order, taking the languages in turn."""
    wanted = [example for example in examples if (example.prediction == example.reference) is right]
    seen: Counter[str] = Counter()
    turns = []
    for place, example in enumerate(wanted):
        turns.append((seen[example.language], place, example))
        seen[example.language] += 1
    return [example for _, _, example in sorted(turns, key=lambda turn: turn[:2])[:most]]


def _point(system: str, score: Score, marker: Marker) -> Point:
    """A score to be plotted; a bound that is not known is not drawn."""
    low, high = (bound if math.isfinite(bound) else score.value for bound in (score.low, score.high))
    return Point(system, score.value, low, high, marker, score.digits)


def _axis(points: Sequence[Point], score: Score | None = None) -> Axis:
    ceiling = 100.0 if score is None or score.unit == "points" else math.inf
    return axis([bound for point in points for bound in (point.low, point.high)], floor=0, ceiling=ceiling)
