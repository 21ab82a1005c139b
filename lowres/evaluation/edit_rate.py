"""Translation edit rate (TER, Snover et al. 2006) with the counts of sacrebleu, many times faster.

sacrebleu computes an edit distance in Python for every candidate shift. Here distances are computed with bit vectors (Myers
1999, doi 10.1145/316542.316550; Hyyrö 2003), within sacrebleu's beam, and only for candidates that can still be the best.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from sacrebleu.metrics import lib_ter
from sacrebleu.metrics.lib_ter import BeamEditDistance
from sacrebleu.metrics.ter import TER

Words = list[str]


class EditRate(TER):
    """sacrebleu's TER with one reference: the same settings, signature and counts."""

    def _compute_segment_statistics(self, hypothesis: str, ref_kwargs: dict[str, Any]) -> list[float]:
        (reference,) = ref_kwargs["ref_words"]
        return [edits(hypothesis.split(), reference), len(reference)]


def edits(hypothesis: Words, reference: Words) -> int:
    """The number of edits that turn the hypothesis into the reference; moving a phrase is one edit.

    The result is that of sacrebleu's `translation_edit_rate`, shift by shift.
    """
    if not reference:
        return len(hypothesis)
    distance = _Distance(reference)
    shared = Counter(hypothesis) & Counter(reference)
    least = max(len(hypothesis), len(reference)) - shared.total()  # no order of the words is nearer
    shifts = checked = 0
    while (before := distance(hypothesis)) > least:
        candidates, checked = _candidates(hypothesis, reference, distance.trace(hypothesis, before), checked)
        moved, gain = _best_shift(hypothesis, candidates, distance, before, before - least)
        if checked >= lib_ter._MAX_SHIFT_CANDIDATES or gain <= 0:
            break
        hypothesis, shifts = moved, shifts + 1
    return shifts + before


def _best_shift(
    hypothesis: Words, candidates: set[tuple[int, int, int]], distance: "_Distance", before: int, most: int
) -> tuple[Words, int]:
    """The shift that brings the hypothesis nearest to the reference, and by how much.

    Of equals the longest phrase is moved, then the first, to the first place: in this order they are tried, and a candidate
    whose gain cannot be larger than the best so far is skipped. A phrase of n words gains at most 2n: n deletions and n insertions.
    """
    best, gain = hypothesis, 0
    for length, start, target in sorted(candidates, key=lambda one: (-one[0], one[1], one[2])):
        if min(2 * length, most) <= gain:
            break
        moved = lib_ter._perform_shift(hypothesis, start, length, target)
        found = before - distance(moved)
        if found > gain:
            best, gain = moved, found
    return best, gain


def _candidates(hypothesis: Words, reference: Words, trace: str, checked: int) -> tuple[set[tuple[int, int, int]], int]:
    """Shifts that sacrebleu would try, as (length, start, target), and how many it would have tried by then."""
    flipped = trace.translate(lib_ter._FLIP_OPS)  # from reference to hypothesis
    align, wrong_reference, wrong_hypothesis = lib_ter.trace_to_alignment(flipped)
    found = set()
    for start, goal, length in lib_ter._find_shifted_pairs(hypothesis, reference):
        if not any(wrong_hypothesis[start : start + length]) or not any(wrong_reference[goal : goal + length]):
            continue
        if start <= align[goal] < start + length:
            continue
        targets = list(_targets(align, goal, length))
        found |= {(length, start, target) for target in targets}
        checked += len(targets)
        if checked >= lib_ter._MAX_SHIFT_CANDIDATES:
            break
    return found, checked


def _targets(align: Mapping[int, int], goal: int, length: int) -> Iterator[int]:
    """The places in the hypothesis before which a phrase may be put to come to stand at `goal` in the reference."""
    before = -1
    for place in range(goal - 1, goal + length):
        if place != -1 and place not in align:
            return
        target = 0 if place == -1 else align[place] + 1
        if target != before:
            yield target
        before = target


@dataclass(frozen=True)
class _Distance:
    """Edit distance (Levenshtein, words) of hypotheses from one reference, as sacrebleu's beam search finds it.

    The matrix is computed column by column, one for each word of the hypothesis. Bit j of `up` and `down` says whether the
    distance rises or falls from row j to row j + 1 of a column, bit j of `right` and `left` from one column to the next.
    """

    reference: Words

    def __call__(self, hypothesis: Words) -> int:
        last = 1 << (len(self.reference) - 1)
        found = len(self.reference)
        for *_, right, left, correction in self._columns(hypothesis):
            found += bool(right & last) - bool(left & last) + correction
        return found

    def trace(self, hypothesis: Words, distance: int) -> str:
        """The operations of the shortest path that sacrebleu finds, in its letters."""
        if distance >= certain_below(len(hypothesis), len(self.reference)):
            return str(BeamEditDistance(self.reference)(hypothesis)[1])
        columns = list(self._columns(hypothesis))
        i, j, found = len(hypothesis), len(self.reference), []
        while i and j:
            up, down, right, left, _ = columns[i - 1]
            bit = 1 << (j - 1)
            same = hypothesis[i - 1] == self.reference[j - 1]
            rises = bool(up & bit) - bool(down & bit) + bool(right & bit) - bool(left & bit)  # along the diagonal
            if same or rises == 1:
                i, j = i - 1, j - 1
                found.append(lib_ter._OP_NOP if same else lib_ter._OP_SUB)
            elif right & bit:
                i -= 1
                found.append(lib_ter._OP_DEL)
            else:
                j -= 1
                found.append(lib_ter._OP_INS)
        return lib_ter._OP_DEL * i + lib_ter._OP_INS * j + "".join(reversed(found))

    @cached_property
    def _positions(self) -> dict[str, int]:
        """The rows in which each word stands in the reference, as bits."""
        found: dict[str, int] = {}
        for row, word in enumerate(self.reference):
            found[word] = found.get(word, 0) | 1 << row
        return found

    def _columns(self, hypothesis: Words) -> Iterator[tuple[int, int, int, int, int]]:
        """For each column `up` and `down` of the one before, `right` and `left`, and a correction of the distance in the last row.

        Cells outside the beam count as one more than the next cell inside, which offers no shorter path.
        """
        every = (1 << len(self.reference)) - 1
        up, down, positions = every, 0, self._positions
        for word, (below, above, allowed) in zip(hypothesis, beam(len(hypothesis), len(self.reference)), strict=True):
            equal, correction = positions.get(word, 0), 0
            if above:
                correction = (~up & above).bit_count() + (down & above).bit_count()
                up, down, equal = up | above, down & ~above, equal & allowed
            if below:
                up, down = up & ~below, down | below
            diagonal = (((equal & up) + up) ^ up) | equal | down
            right, left = down | ~(diagonal | up) & every, diagonal & up
            yield up, down, right, left, correction
            right = right << 1 | 1
            up, down = (left << 1 | ~(diagonal | right)) & every, diagonal & right & every


@lru_cache(maxsize=4096)
def beam(hypothesis: int, reference: int) -> tuple[tuple[int, int, int], ...]:
    """sacrebleu's beam for texts of so many words: for each column, rows as bits.

    These are the rows below and above the beam in the column before, and those that its cells may reach along the diagonal.
    """
    every = (1 << reference) - 1
    found, low, high = [], 0, reference + 1
    for first, end in _bounds(hypothesis, reference):
        below = (1 << max(first - 1, low)) - 1
        found.append((below, every & ~((1 << (high - 1)) - 1), (1 << high) - 1))
        low, high = first, end
    return tuple(found)


@lru_cache(maxsize=4096)
def certain_below(hypothesis: int, reference: int) -> float:
    """Below this distance, no shortest path between texts of so many words leaves sacrebleu's beam.

    A path through row j of column i costs at least |i - j| before this cell and |(n - i) - (m - j)| after it.
    """
    return min(
        (
            abs(i - j) + abs((hypothesis - i) - (reference - j))
            for i, (first, end) in enumerate(_bounds(hypothesis, reference), start=1)
            for j in (first - 1, end)
            if 0 <= j <= reference
        ),
        default=math.inf,
    )


def _bounds(hypothesis: int, reference: int) -> Iterator[tuple[int, int]]:
    """The first row of the beam in each column, and the one after its last: see sacrebleu's `BeamEditDistance`."""
    ratio = reference / hypothesis if hypothesis else 1
    width = lib_ter._BEAM_WIDTH
    width = math.ceil(ratio / 2 + width) if width < ratio / 2 else width
    for column in range(1, hypothesis + 1):
        diagonal = math.floor(column * ratio)
        end = reference + 1 if column == hypothesis else min(reference + 1, diagonal + width)
        yield max(0, diagonal - width), end
