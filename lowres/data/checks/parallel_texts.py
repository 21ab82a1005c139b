"""Parallel texts, line by line: where the two sides are misaligned, and what is done about it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lowres.data.checks.misalignment import Misalignment, align
from lowres.data.formats.tables import Table
from lowres.data.rows import line_of
from lowres.errors import Finding, Problem

MISALIGNED = "whose sides are misaligned"


@dataclass(frozen=True)
class Side:
    """The texts of one language: a column of a table. `name` is what messages call it, a file or a column."""

    name: str
    table: Table
    column: str


def misaligned(sides: Sequence[Side]) -> tuple[list[Problem], set[int], tuple[Finding, ...]]:
    """Compare each side with the first: problems that name misaligned lines, these lines, and findings on unrelated sides."""
    texts = [{line_of(record): record.fields[side.column] for record in side.table.records} for side in sides]
    problems: list[Problem] = []
    moved: set[int] = set()
    findings = []
    for side, own in zip(sides[1:], texts[1:], strict=True):
        lines = sorted(texts[0].keys() | own.keys())
        found = align([texts[0].get(line, "") for line in lines], [own.get(line, "") for line in lines])
        for stretch in found.misaligned:
            problems.append(_told(sides[0], side, lines, stretch))
            moved.update(lines[stretch.start : stretch.end])
        if found.unrelated:
            what = f"{sides[0].name} and {side.name} agree no better than unrelated lines: are they translations?"
            findings.append(Finding("warning", what, side.table.name))
    return problems, moved, tuple(findings)


def without_misaligned(sides: Mapping[str, Side], split: str) -> tuple[dict[str, Table], tuple[Finding, ...]]:
    """The tables of published sides (language → side), which the user can hardly mend, with findings where they are misaligned.

    Misaligned lines of train are left out and counted in the table's notes; dev and test stay as they were published.
    """
    problems, moved, findings = misaligned(list(sides.values()))
    findings = (*findings, *(Finding("warning", f"{found.where}: {found.what}", found.where) for found in problems))
    if split in ("dev", "test") or not moved:
        return {tag: side.table for tag, side in sides.items()}, findings
    kept = {id(side.table): without_lines(side.table, moved) for side in sides.values()}
    return {tag: kept[id(side.table)] for tag, side in sides.items()}, findings


def without_lines(table: Table, moved: set[int]) -> Table:
    """The table without these lines, which are counted in its notes as misaligned."""
    records = tuple(record for record in table.records if line_of(record) not in moved)
    return replace(table, records=records, notes={**table.notes, MISALIGNED: len(table.records) - len(records)})


def _told(first: Side, other: Side, lines: Sequence[int], stretch: Misalignment) -> Problem:
    start, fits = lines[stretch.start], lines[max(0, stretch.start + stretch.shift)]
    end = f"line {lines[stretch.end - 1]}" if stretch.end < len(lines) else "the end"
    what = f"the sides are misaligned from here: this line goes with line {start} of {first.name}, and so on to {end}"
    lost, added = (other.name, first.name) if stretch.shift < 0 else (first.name, other.name)
    count = f"{abs(stretch.shift)} lines were" if abs(stretch.shift) > 1 else "a line was"
    return Problem(f"{other.table.name}:{fits}", what, f"{count} lost from {lost} or added to {added} shortly before")
