"""Toolbox and Shoebox: records of fields that begin with a marker such as \\lx (standard format)."""

import re
from collections.abc import Iterator
from pathlib import Path

from lowres.data.formats.file_text import decode, lines, read_bytes
from lowres.data.formats.tables import Table, make_table
from lowres.errors import DataError, Problem

# Markers that begin a record, the likeliest first: a sentence of a text, an entry of a dictionary.
RECORDS = ("ref", "lx")
EXAMPLES = frozenset(("xv", "rf"))  # a further one in the same entry begins a row of its own
_FIELD = re.compile(r"\\(\S+)(?:\s+(.*))?$")
_HEADER = ("_sh", "_DateStampHasFourDigitYear")


def read_toolbox(path: Path, name: str) -> Table:
    """One row for each record (\\ref of a text, \\lx of a dictionary), a column for each marker; lines without one go on the last.

    A marker that comes again in a record, as in interlinear lines, adds to its column. In a dictionary every further example
    (\\xv) has a row of its own, which repeats the headword.
    """
    raw = read_bytes(path, name)
    text = decode(raw.data, name)
    fields = list(_fields(text))
    markers = {marker for _, marker, _ in fields}
    if not fields:
        raise DataError(Problem(name, "holds no field", "a field begins with a marker, such as \\lx"))
    first = next((marker for marker in RECORDS if marker in markers), fields[0][1])
    rows = list(_rows(fields, first))
    columns = list(dict.fromkeys(column for _, row in rows for column in row))
    return make_table(
        name, raw.sha256, columns, [(line, [row.get(column, "") for column in columns]) for line, row in rows]
    )


def _fields(text: str) -> Iterator[tuple[int, str, str]]:
    """(line, marker, text) of each field."""
    found: list[tuple[int, str, str]] = []
    for number, line in enumerate(lines(text), 1):
        match = _FIELD.match(line)
        if match:
            found.append((number, match[1], (match[2] or "").strip()))
        elif line.strip() and found:
            before = found.pop()
            found.append((before[0], before[1], f"{before[2]} {line.strip()}".strip()))
    yield from (field for field in found if field[1] not in _HEADER)


def _rows(fields: list[tuple[int, str, str]], first: str) -> Iterator[tuple[int, dict[str, str]]]:
    """(line, marker → text) of each row."""
    row: dict[str, str] = {}
    begun, inside = 0, False
    for line, marker, text in fields:
        again = marker in EXAMPLES and marker in row
        if marker == first or again:
            if inside:
                yield begun, row
            kept = {first: row[first]} if again and first in row else {}
            row, begun, inside = kept, line, True
        if not inside:  # what stands above the first record: the title of a text
            continue
        text = " ".join(text.split())
        row[marker] = f"{row[marker]} {text}".strip() if marker in row and marker != first else row.get(marker) or text
    if inside:
        yield begun, row
