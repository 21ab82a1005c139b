"""Do the lines of two files translate each other? Where not, since which line?

Translations agree in length, and in what is not translated: numbers, addresses, exclamation and question marks. Where a
line was lost on one side, all lines behind it agree with their neighbours rather than with their partners.
"""

import re
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from lowres.data.tables import Table
from lowres.errors import Problem

SHIFTS = (-3, -2, -1, 1, 2, 3)
LEAST_LINES = 40  # behind a shift, before it is believed
LEAST_GAIN = 25.0  # log-likelihood by which the shifted reading must win
_KEPT = re.compile(r"\d+|https?://\S+|@\w+|[?!…%€$]")

Floats = NDArray[np.float64]


def misaligned(tables: Mapping[str, Table]) -> Problem | None:
    """The first pair of files that has slipped, with the line since which; None where all agree."""
    names = list(tables)
    for other in names[1:]:
        left, right = _texts(tables[names[0]]), _texts(tables[other])
        found = slipped(left, right)
        if found:
            line, shift = found
            which = tables[other] if shift > 0 else tables[names[0]]
            what = (
                f"from about line {line} on, line n goes with line n{-shift:+d} of {tables[names[0]].name}: "
                f"{abs(shift)} line{'s' * (abs(shift) > 1)} too many in {which.name}, or lost in the other"
            )
            return Problem(f"{tables[other].name}:{line}", what, "mend the files; line n of each must translate line n")
    return None


def slipped(left: Sequence[str], right: Sequence[str]) -> tuple[int, int] | None:
    """(line, shift) where the right lines from `line` (1, 2, …) on translate the left ones `shift` lines before; None if never.

    Compares, for every place and shift, how well the rest of the texts agree when read shifted and when read as they stand.
    """
    count = min(len(left), len(right))
    if count < 2 * LEAST_LINES:
        return None
    ours, theirs = _features(left[:count]), _features(right[:count])
    straight = _agreement(ours, theirs, 0)
    best: tuple[float, int, int] | None = None
    for shift in SHIFTS:
        gain = _agreement(ours, theirs, shift) - straight
        rest = np.cumsum(gain[::-1])[::-1]  # of reading everything behind a place shifted
        place = int(rest[: count - LEAST_LINES].argmax())
        if rest[place] > LEAST_GAIN and (best is None or rest[place] > best[0]):
            best = (float(rest[place]), place + 1, shift)
    return best[1:] if best else None


def _texts(table: Table) -> list[str]:
    texts = [""] * table.read
    for record in table.records:
        texts[int(record.where.rpartition(":")[2]) - 1] = record.fields["text"]
    return texts


def _features(texts: Sequence[str]) -> tuple[Floats, list[frozenset[str]]]:
    lengths = np.log(np.array([max(1, len(text)) for text in texts], dtype=np.float64))
    return lengths, [frozenset(_KEPT.findall(text)) for text in texts]


def _agreement(
    left: tuple[Floats, list[frozenset[str]]], right: tuple[Floats, list[frozenset[str]]], shift: int
) -> Floats:
    """Log-likelihood of each right line and the left line `shift` places before it being translations, up to a constant."""
    count = len(left[0])
    partner = np.arange(count) - shift
    inside = (partner >= 0) & (partner < count)
    partner = partner.clip(0, count - 1)
    ratio = right[0] - left[0]
    usual = float(np.median(ratio))
    spread = max(0.1, 1.4826 * float(np.median(np.abs(ratio - usual))))
    off = np.minimum(3.0, np.abs(right[0] - left[0][partner] - usual) / spread)
    shared = np.array(
        [_shared(left[1][at], mine) if here else -1.0 for at, mine, here in zip(partner, right[1], inside, strict=True)]
    )
    return np.where(inside, shared - off**2 / 2, -2.0)


def _shared(one: frozenset[str], other: frozenset[str]) -> float:
    if not one and not other:
        return 0.0
    return 2.0 * len(one & other) / len(one | other) - 1.0
