"""Texts that stand line by line beside their translations: where a side has slipped, and what becomes of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lowres.data.checks.misalignment import Misalignment, align
from lowres.data.formats.tables import Record, Table
from lowres.errors import Finding, Problem

SLIPPED = "whose sides have slipped"


@dataclass(frozen=True)
class Side:
    """The texts of one language: a column of a table. `name` is what messages call it, a file or a column."""

    name: str
    table: Table
    column: str


def misaligned(sides: Sequence[Side]) -> tuple[list[Problem], set[int], tuple[Finding, ...]]:
    """Where sides have slipped against the first: problems that name the lines, the lines, and sides that are unrelated."""
    texts = [{_line(record): record.fields[side.column] for record in side.table.records} for side in sides]
    problems: list[Problem] = []
    moved: set[int] = set()
    findings = []
    for side, own in zip(sides[1:], texts[1:], strict=True):
        lines = sorted(texts[0].keys() | own.keys())
        found = align([texts[0].get(line, "") for line in lines], [own.get(line, "") for line in lines])
        for slip in found.misaligned:
            problems.append(_told(sides[0], side, lines, slip))
            moved.update(lines[slip.start : slip.end])
        if found.unrelated:
            what = f"{sides[0].name} and {side.name} agree no better than unrelated lines: are they translations?"
            findings.append(Finding("warning", what, side.table.name))
    return problems, moved, tuple(findings)


def without_misaligned(sides: Mapping[str, Side], split: str) -> tuple[dict[str, Table], tuple[Finding, ...]]:
    """The tables of published sides (language → side), which the user can hardly mend, with findings where one has slipped.

    Of train such lines are left out and counted in the notes; dev and test stay as they were published.
    """
    problems, moved, findings = misaligned(list(sides.values()))
    findings = (*findings, *(Finding("warning", f"{found.where}: {found.what}", found.where) for found in problems))
    if split in ("dev", "test") or not moved:
        return {tag: side.table for tag, side in sides.items()}, findings
    kept = {id(side.table): _without(side.table, moved) for side in sides.values()}
    return {tag: kept[id(side.table)] for tag, side in sides.items()}, findings


def _without(table: Table, moved: set[int]) -> Table:
    records = tuple(record for record in table.records if _line(record) not in moved)
    return replace(table, records=records, notes={**table.notes, SLIPPED: len(table.records) - len(records)})


def _line(record: Record) -> int:
    return int(record.where.rpartition(":")[2])


def _told(first: Side, other: Side, lines: Sequence[int], slip: Misalignment) -> Problem:
    start, fits = lines[slip.start], lines[max(0, slip.start + slip.shift)]
    end = f"line {lines[slip.end - 1]}" if slip.end < len(lines) else "the end"
    what = f"the sides slip here: it goes with line {start} of {first.name}, and so on to {end}"
    lost, added = (other.name, first.name) if slip.shift < 0 else (first.name, other.name)
    count = f"{abs(slip.shift)} lines were" if abs(slip.shift) > 1 else "a line was"
    return Problem(f"{other.table.name}:{fits}", what, f"{count} lost from {lost} or added to {added} shortly before")
