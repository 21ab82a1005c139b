"""Whether two sides translate one another line by line, or are misaligned by some lines.

Nothing about the languages is assumed. Lines that translate one another agree in length (Gale and Church 1993, Computational
Linguistics 19) and share what translation leaves as it is: numbers, addresses, names, the kind of punctuation. A lost or
doubled line is a place after which the lines no longer agree, but do once one side is shifted by a line or so.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import log, sqrt
from statistics import fmean, pstdev

SHIFTS = (0, -1, 1, -2, 2, -3, 3)  # lines by which the second side may have moved
FAR = (11, 17, 23, 31)  # shifts at which lines agree by chance only
SWITCH = 8.0  # the cost of a change of shift, in standard deviations of chance agreement
LEAST = 40  # lines below which nothing can be told
WEAK = 0.2  # mean agreement below which translations cannot be told from unrelated lines
PROOF = 18.0  # evidence that a stretch is shifted, see Misalignment
_ITEM = re.compile(r"https?://\S+|www\.\S+|[@#]\w+|\d+(?:[.,:/]\d+)*|[^\W\d_]{4,}|[?!:;,()\[\]{}%&*=<>\"«»…-]")
_KINDS = str.maketrans(
    {"؟": "?", "،": ",", "؛": ";", "።": ".", "।": ".", "。": ".", "“": '"', "”": '"', "„": '"', "–": "-", "—": "-"}
)


@dataclass(frozen=True)
class Misalignment:
    """Lines from `start` to before `end` (counted from 0) agree if the second side is shifted: line i goes with i + `shift`.

    `evidence` is how much better they agree so, against what the whole text shows of true and chance agreement: the log
    of the odds, roughly, that chance would have to beat.
    """

    start: int
    end: int
    shift: int
    evidence: float


@dataclass(frozen=True)
class Alignment:
    """How well two sides agree, and where they are misaligned.

    `agreement` is the mean over the lines, in standard deviations above chance; None where there are too few lines.
    """

    agreement: float | None
    misaligned: tuple[Misalignment, ...] = ()

    @property
    def unrelated(self) -> bool:
        """Whether the sides agree no better than lines that have nothing to do with each other."""
        return self.agreement is not None and self.agreement < WEAK


def align(first: Sequence[str], second: Sequence[str]) -> Alignment:
    """Look for stretches where the second side is shifted against the first by up to three lines.

    The sides have the same number of lines. Where they share too little to tell, no misalignment is found.
    """
    if len(first) < LEAST:
        return Alignment(None)
    agreement = _Agreement(first, second)
    path = _best_path([agreement.line(shift) for shift in SHIFTS])
    usual = fmean(agreement.line(shift)[number] for number, shift in enumerate(path))
    misaligned = tuple(_misalignments(agreement, path, usual)) if usual > WEAK else ()
    values = list(agreement.line(0))
    for stretch in misaligned:
        values[stretch.start : stretch.end] = agreement.line(stretch.shift)[stretch.start : stretch.end]
    return Alignment(fmean(values), misaligned)


def _misalignments(agreement: "_Agreement", path: Sequence[int], usual: float) -> Iterator[Misalignment]:
    """The stretches of the path that are shifted, and too clearly so to be chance."""
    start = 0
    for number in range(1, len(path) + 1):
        if number < len(path) and path[number] == path[start]:
            continue
        if path[start]:
            moved, still = agreement.line(path[start])[start:number], agreement.line(0)[start:number]
            # a random walk that falls by `usual` a step with variance 2 ever reaches g with odds exp(-usual·g)
            stretch = Misalignment(start, number, path[start], usual * (sum(moved) - sum(still)))
            if stretch.evidence >= PROOF and fmean(still) < usual / 2 < fmean(moved):
                yield stretch
        start = number


class _Agreement:
    """How well lines of two sides agree, in standard deviations above chance."""

    def __init__(self, first: Sequence[str], second: Sequence[str]) -> None:
        self.lines = len(first)
        self.lengths = [len(text) for text in first], [len(text) for text in second]
        self.usual = log((sum(self.lengths[1]) + 1) / (sum(self.lengths[0]) + 1))
        self.items = [frozenset(_items(text)) for text in first], [frozenset(_items(text)) for text in second]
        counts = [Counter(item for items in side for item in items) for side in self.items]
        self.weights = {
            item: log(2 * self.lines / (count + counts[1][item]))
            for item, count in counts[0].items()
            if item in counts[1]
        }
        self.sums = [[sum(self.weights.get(item, 0.0) for item in items) + 1 for items in side] for side in self.items]
        self.known: dict[int, list[float]] = {}

    def line(self, shift: int) -> list[float]:
        """The agreement of every line with the one `shift` further on, at the edges nothing."""
        if shift not in self.known:
            scales = self.chance
            self.known[shift] = [
                sum(
                    max(-3.0, min(4.0, (value - mean) / deviation))
                    for value, (mean, deviation) in zip(self.compare(number, number + shift), scales, strict=True)
                )
                / sqrt(2)
                if 0 <= number + shift < self.lines
                else 0.0
                for number in range(self.lines)
            ]
        return self.known[shift]

    @cached_property
    def chance(self) -> list[tuple[float, float]]:
        """Mean and deviation of both kinds of agreement between lines that have nothing to do with each other."""
        step = max(1, self.lines // 1000)
        some = [
            self.compare(number, (number + shift) % self.lines)
            for number in range(0, self.lines, step)
            for shift in FAR
        ]
        return [(fmean(values), pstdev(values) or 1.0) for values in zip(*some, strict=True)]

    def compare(self, first: int, second: int) -> tuple[float, float]:
        """Agreement in length, and share of common items (cosine over their rarity)."""
        long, other = self.lengths[0][first] + 5, self.lengths[1][second] + 5
        length = -min(2.0, abs(log(other / long) - self.usual))
        common = self.items[0][first] & self.items[1][second]
        shared = sum(self.weights[item] for item in common) if common else 0.0
        return length, shared / sqrt(self.sums[0][first] * self.sums[1][second])


def _items(text: str) -> list[str]:
    """What translation may leave as it is: numbers without separators, addresses, words, punctuation, the text's end."""
    text = unicodedata.normalize("NFKC", text).translate(_KINDS).casefold()
    found = [
        "".join(str(unicodedata.digit(digit)) for digit in item if digit.isdigit()) if item[0].isdecimal() else item
        for item in _ITEM.findall(text)
    ]
    end = text.rstrip("\"')» ")[-1:]
    return [*found, f"end {end}" if end and not end.isalnum() else "end"]


def _best_path(rows: Sequence[Sequence[float]]) -> list[int]:
    """The shift of each line on the path of best agreement, where each change of shift has a cost (Viterbi); it begins at 0."""
    totals = [0.0] + [-SWITCH] * (len(SHIFTS) - 1)
    back: list[list[int]] = []
    for values in zip(*rows, strict=True):
        best = max(range(len(totals)), key=totals.__getitem__)
        came = [state if totals[state] >= totals[best] - SWITCH else best for state in range(len(totals))]
        totals = [
            max(totals[state], totals[best] - SWITCH) + value
            for state, value in zip(range(len(totals)), values, strict=True)
        ]
        back.append(came)
    state = max(range(len(totals)), key=totals.__getitem__)
    path = []
    for came in reversed(back):
        path.append(SHIFTS[state])
        state = came[state]
    return path[::-1]
