"""Small plots in SVG, coloured by the page's style sheet.

Horizontal positions are percentages, so that lines stretch with the page while text and markers do not.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

from lowres.record import StepFacts
from lowres.report.formatting import interval, number, visible, whole
from lowres.score import CalibrationBin

Marker = Literal["circle", "diamond", "square", "triangle"]
# Systems differ in shape as well as in colour.
_MARKERS: dict[Marker, Markup] = {
    "circle": Markup('<circle r="4.5"/>'),
    "diamond": Markup('<path d="M0-5.5L5.5 0L0 5.5L-5.5 0Z"/>'),
    "square": Markup('<path d="M-4-4H4V4H-4Z"/>'),
    "triangle": Markup('<path d="M0-5L5 4H-5Z"/>'),
}


@dataclass(frozen=True)
class Axis:
    """A linear scale whose ticks lie between `low` and `high`."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def percent(self, value: float) -> str:
        """The position of a value, in percent of the width."""
        return f"{100 * (value - self.low) / (self.high - self.low):.2f}%"


@dataclass(frozen=True)
class Point:
    """A value with its interval; `system` is its name in the description of the plot, `seeds` are the values of single runs."""

    system: str
    value: float
    low: float
    high: float
    marker: Marker
    digits: int = 1
    seeds: tuple[float, ...] = ()


def axis(values: Sequence[float], *, steps: int = 5, floor: float = -math.inf, ceiling: float = math.inf) -> Axis:
    """A scale with round ticks that contains all values; `steps` is about how many ticks.

    No tick lies below `floor` or above `ceiling`, unless a value does.
    """
    low, high = min(values), max(values)
    floor, ceiling = (floor if floor <= low else -math.inf), (ceiling if high <= ceiling else math.inf)
    if high - low < 1e-9:
        low, high = low - 1, high + 1
    rough = (high - low) / steps
    unit = 10 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = [i * step for i in range(first, last + 1) if floor - 1e-9 <= i * step <= ceiling + 1e-9]
    return Axis(min(low, ticks[0]), max(high, ticks[-1]), tuple(ticks))


def scale(axis: Axis) -> Markup:
    """The numbers at the ticks, for the head of a column of `whiskers`."""
    digits = _digits(axis.ticks)
    texts = [
        Markup('<text x="{}" y="12" text-anchor="middle">{}</text>').format(axis.percent(tick), number(tick, digits))
        for tick in axis.ticks
    ]
    return Markup('<svg class="scale" height="16" aria-hidden="true">{}</svg>').format(Markup().join(texts))


def whiskers(points: Sequence[Point], axis: Axis) -> Markup:
    """One row of a dot-and-whisker plot: a marker for each value, on a line as long as its interval.

    It fills its table cell, so that the grid lines of all rows join.
    """
    words = "; ".join(
        f"{visible(p.system)} {number(p.value, p.digits)}, interval {interval(p.low, p.high, p.digits)}{_by_seed(p)}"
        for p in points
    )
    grid = [
        Markup('<line class="grid" x1="{x}" x2="{x}" y1="0" y2="100%"/>').format(x=axis.percent(tick))
        for tick in axis.ticks
    ]
    markers = []
    for place, point in enumerate(points):
        y = 14 * place - 7 * (len(points) - 1)  # around the middle of the row
        markers.append(
            Markup('<g class="{}"><line class="whisker" x1="{}" x2="{}" y1="{y}" y2="{y}"/>{}{}</g>').format(
                point.marker,
                axis.percent(point.low),
                axis.percent(point.high),
                _ticks(point, axis, y),
                _marker(point, axis, y),
                y=y,
            )
        )
    return Markup(
        '<svg class="track" role="img" aria-label="{words}"><title>{words}</title>{}'
        '<svg y="50%" overflow="visible">{}</svg></svg>'
    ).format(Markup().join(grid), Markup().join(markers), words=words)


def marker_alone(marker: Marker) -> Markup:
    """A marker by itself, for names in tables and keys."""
    return Markup('<svg class="sign {}" viewBox="-8 -8 16 16" aria-hidden="true">{}</svg>').format(
        marker, _MARKERS[marker]
    )


def _by_seed(point: Point) -> str:
    """The values of single runs, for the description of a plot."""
    return f", by seed {', '.join(number(value, point.digits) for value in point.seeds)}" if point.seeds else ""


def _ticks(point: Point, axis: Axis, y: int) -> Markup:
    """A short line below the interval for each single run, so that their spread is not taken for the interval."""
    return Markup().join(
        Markup('<line class="seed" x1="{x}" x2="{x}" y1="{}" y2="{}"/>').format(y + 7, y + 15, x=axis.percent(value))
        for value in point.seeds
    )


def _marker(point: Point, axis: Axis, y: int) -> Markup:
    return Markup('<svg x="{}" y="{}" overflow="visible">{}</svg>').format(
        axis.percent(point.value), y, _MARKERS[point.marker]
    )


def learning_curve(steps: Sequence[StepFacts], best: int, score: str) -> Markup:
    """Loss and dev score by update, one above the other; the best dev score is marked."""
    span = axis([0, max(step.update for step in steps)], steps=6)
    losses = [(float(step.update), step.loss) for step in steps if math.isfinite(step.loss)]
    scored = [(float(step.update), step.dev) for step in steps if step.dev is not None]
    panels = []
    if len(losses) > 1:
        panels.append(_panel("Training loss", losses, span, axis([0.0, *(y for _, y in losses)], steps=3), None))
    if len(scored) > 1:
        values = [y for _, y in scored]
        panels.append(_panel(f"{score} on dev", scored, span, axis(values, steps=3, floor=0, ceiling=100), best))
    return Markup().join(panels)


def calibration(bins: Sequence[CalibrationBin], score: str) -> Markup:
    """True means against estimated ones, each with its interval; where estimates are right the markers lie on the diagonal."""
    height = 240
    values = [value for one in bins for value in (one.estimated, one.true)]
    both = axis(values, steps=5, floor=0, ceiling=100)
    words = "; ".join(
        f"estimated {number(one.estimated)}, true {number(one.true)}, interval {interval(one.low, one.high)}"
        for one in bins
    )
    marks = []
    for one in bins:
        x, y = both.percent(one.estimated), _height(one.true, both, height)
        ends = [_height(min(max(end, both.low), both.high), both, height) for end in (one.low, one.high)]
        marks.append(
            Markup(
                '<line class="whisker" x1="{x}" x2="{x}" y1="{:.1f}" y2="{:.1f}"/>'
                '<circle class="dot" cx="{x}" cy="{:.1f}" r="4"/>'
            ).format(*ends, y, x=x)
        )
    diagonal = Markup('<line class="diagonal" x1="0" x2="100%" y1="{}" y2="0"/>').format(height)
    return Markup(
        '<div class="panel"><p class="name">True {name} by estimated {name}, test sentences in {} groups</p>'
        '<svg class="chart" height="{}" role="img" aria-label="{words}"><title>{words}</title>{}{}{}'
        '<g class="circle">{}</g></svg></div>'
    ).format(
        len(bins), height, _grid(both, height), _updates(both, height), diagonal, Markup().join(marks), name=visible(score),
        words=words,
    )  # fmt: skip


def _panel(name: str, points: Sequence[tuple[float, float]], across: Axis, up: Axis, best: int | None) -> Markup:
    height = 150
    name = visible(name)
    words = f"{name}: from {number(points[0][1], 2)} at update {points[0][0]:.0f} to {number(points[-1][1], 2)}"
    if best is not None:
        words += f"; best {number(max(y for _, y in points), 2)} at update {best}"
    return Markup(
        '<div class="panel"><p class="name">{}</p><svg class="chart" height="{}" role="img" aria-label="{words}">'
        "<title>{words}</title>{}{}{}{}</svg></div>"
    ).format(
        name,
        height,
        _grid(up, height),
        _updates(across, height),
        _line(points, across, up, height),
        _dots(points, across, up, height, best),
        words=words,
    )


def _line(points: Sequence[tuple[float, float]], across: Axis, up: Axis, height: int) -> Markup:
    path = " ".join(
        f"{1000 * (x - across.low) / (across.high - across.low):.1f},{_height(y, up, height):.1f}" for x, y in points
    )
    return Markup(
        '<svg width="100%" height="{h}" viewBox="0 0 1000 {h}" preserveAspectRatio="none" overflow="visible">'
        '<polyline class="curve" points="{}" vector-effect="non-scaling-stroke"/></svg>'
    ).format(path, h=height)


def _dots(points: Sequence[tuple[float, float]], across: Axis, up: Axis, height: int, best: int | None) -> Markup:
    if best is None:
        return Markup()
    parts = []
    for x, y in points:
        at = across.percent(x), f"{_height(y, up, height):.1f}"
        parts.append(Markup('<circle class="dot" cx="{}" cy="{}" r="3"/>').format(*at))
        if x == best:
            late = x > across.low + 0.7 * (across.high - across.low)
            parts.append(Markup('<circle class="best" cx="{}" cy="{}" r="7"/>').format(*at))
            parts.append(
                Markup(
                    '<svg x="{}" y="{}" overflow="visible"><text x="{}" y="-13" text-anchor="{}">{}</text></svg>'
                ).format(
                    *at, "6" if late else "-6", "end" if late else "start", f"best {number(y)}, update {whole(best)}"
                )
            )
    return Markup().join(parts)


def _grid(up: Axis, height: int) -> Markup:
    digits = _digits(up.ticks)
    return Markup().join(
        Markup(
            '<line class="grid" x1="0" x2="100%" y1="{y}" y2="{y}"/>'
            '<svg y="{y}" overflow="visible"><text x="-8" y="4" text-anchor="end">{}</text></svg>'
        ).format(number(tick, digits), y=f"{_height(tick, up, height):.1f}")
        for tick in up.ticks
    )


def _updates(across: Axis, height: int) -> Markup:
    texts = [
        Markup('<text x="{}" y="{}" text-anchor="middle">{}</text>').format(
            across.percent(tick), height + 18, whole(round(tick))
        )
        for tick in across.ticks
    ]
    return Markup().join(texts)


def _height(value: float, up: Axis, height: int) -> float:
    return height * (up.high - value) / (up.high - up.low)


def _digits(ticks: Sequence[float]) -> int:
    step = ticks[1] - ticks[0] if len(ticks) > 1 else 1.0
    return max(0, -math.floor(math.log10(step) + 1e-9))
