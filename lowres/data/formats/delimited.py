"""Tables with one row a line: columns separated by tabs, commas, semicolons or bars, under a header."""

import csv
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

from lowres.data.formats.file_text import decode, lines, read_bytes
from lowres.data.formats.quoting import Layout, Quotes, Rows, common_width, layout, quoted_rows
from lowres.data.formats.recognising import xml_format
from lowres.data.formats.tables import Table, capped, check_columns, make_table
from lowres.errors import DataError, Finding, Problem

INDEX = "index"  # name given to a first column without one: pandas and R write row numbers so
SEPARATORS: Mapping[str, str] = {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "vertical bars"}
QUOTED = frozenset(",;")  # separators of files that are always quoted where they need it: CSV
SAMPLE_LINES = 200  # from which the separator is found
MOST_FIT = 0.9  # share of lines that must have equally many fields for a separator to be one
MAX_TITLES = 10  # lines above the header
_NAMED_SEPARATOR = re.compile(r'"?sep=([\t,;|])"?\r*$', re.IGNORECASE | re.MULTILINE)


def read_tsv(path: Path, name: str, quotes: Quotes = "auto") -> Table:
    """Read tab-separated columns under a header. Whether fields are quoted is decided for the whole file; see layout()."""
    return _read(path, name, "\t", quotes)


def read_csv(path: Path, name: str, quotes: Quotes = "auto") -> Table:
    """Read comma-separated columns under a header, quoted as in RFC 4180. A row may take several lines."""
    return _read(path, name, ",", quotes)


def _read(path: Path, name: str, expected: str, quotes: Quotes) -> Table:
    raw = read_bytes(path, name)
    text = decode(raw.data, name)
    if markup := xml_format(text):
        raise DataError(Problem(name, f"is {markup.name}, not a table", markup.remedy))
    named = _NAMED_SEPARATOR.match(text)
    if named:  # Excel's own way to say it; the line stays, as a blank one, so that lines keep their numbers
        text = text[named.end() :]
    separator = named[1] if named else _separator(text, expected)
    always = separator in QUOTED and quotes != "no"
    found = quoted_rows(text, separator, name) if always else layout(text, separator, name, quotes)
    other = [Finding("note", f"its columns are separated by {SEPARATORS[separator]}", name)] * (separator != expected)
    return table_of_rows(name, raw.sha256, found, other)


def _separator(text: str, expected: str) -> str:
    """The separator that the file's ending says, unless only another one gives lines of equally many fields."""
    start = "\n".join(islice((line for line in text[: SAMPLE_LINES * 1000].split("\n") if line.strip()), SAMPLE_LINES))
    fitting = [separator for separator in SEPARATORS if _fits(start, separator)]
    return expected if expected in fitting or not fitting else fitting[0]


def _fits(start: str, separator: str) -> bool:
    if separator in QUOTED:
        try:
            rows: Rows = list(enumerate(csv.reader(start.split("\n"), delimiter=separator)))
        except csv.Error:
            return False
    else:
        rows = [(number, line.split(separator)) for number, line in enumerate(lines(start))]
    width = common_width(rows)
    return width > 1 and sum(len(row) == width for _, row in rows) >= MOST_FIT * len(rows)


def table_of_rows(name: str, sha256: str, found: Layout, findings: list[Finding]) -> Table:
    """The table of rows that were read already: titles above the header are left out, faulty rows named. Raises DataError."""
    rows = found.rows
    rows = rows[next((number for number, (_, row) in enumerate(rows) if _filled(row)), len(rows)) :]
    titles = _titles(rows) if rows else 0
    findings = [*findings, *found.findings]
    if titles:
        where = f"{name}:{rows[0][0]}"
        findings.append(
            Finding("note", f"“{' '.join(rows[0][1]).strip()}” stands above the header and is left out", where)
        )
    rows = rows[titles:]
    if not rows and not found.problems:
        raise DataError(Problem(name, "is empty", "the first row names the columns"))
    line, header = rows[0] if rows else (1, [""])
    body = [(number, _as_wide_as(header, row)) for number, row in rows[1:]]
    header, body = _named(header, body)
    if rows:
        check_columns(name, header, line)
        _refuse_other_separator(f"{name}:{line}", header)
    problems = sorted([*found.problems, *_wrong_widths(name, header, body)], key=_line)
    if problems:
        raise DataError(*capped(problems))
    blank = [""] * len(header)
    return make_table(
        name, sha256, header, [(number, row if _filled(row) else blank) for number, row in body], findings
    )


def _titles(rows: Rows) -> int:
    """How many lines above the header are titles or blank: a title is alone in its row, where the rows below have several fields."""
    count, width = 0, common_width(rows)
    while count < min(MAX_TITLES, len(rows) - 2) and (not _filled(rows[count][1]) or _is_title(rows[count][1], width)):
        count += 1
    return count if sum(bool(cell.strip()) for cell in rows[count][1]) > 1 else 0


def _is_title(row: list[str], width: int) -> bool:
    if len(row) == 1:  # one word above two columns is their header: R leaves out the name of the first
        return width > 2 or (width > 1 and len(row[0].split()) > 1)
    return len(row) > 2 and bool(row[0].strip()) and not _filled(row[1:])


def _as_wide_as(header: list[str], row: list[str]) -> list[str]:
    """The row without the blank fields that stand beyond the header's last."""
    return row[: len(header)] if len(row) > len(header) and not _filled(row[len(header) :]) else row


def _named(header: list[str], body: Rows) -> tuple[list[str], Rows]:
    """Header and rows with a name for every column; columns without a name and without texts at the end are left out."""
    filled = [row for _, row in body if _filled(row)]
    if filled and all(len(row) == len(header) + 1 and row[0].strip('"').isdigit() for row in filled):
        header = ["", *header]  # R numbers the rows and does not name that column
    width = len(header)
    while width > 1 and not header[width - 1].strip() and not any(_filled(row[width - 1 :]) for row in filled):
        width -= 1
    cut = [(number, row[:width] if len(row) == len(header) else row) for number, row in body]
    named = (
        [_name(number, column, header) for number, column in enumerate(header[:width], 1)] if width > 1 else header[:1]
    )
    return named, cut


def _name(number: int, column: str, header: list[str]) -> str:
    if column.strip():
        return column
    return INDEX if number == 1 and INDEX not in header else f"column {number}"


def _refuse_other_separator(where: str, header: list[str]) -> None:
    """Raise DataError if the one column of a header has another separator in its name, which the lines below do not fit."""
    other = next((known for separator, known in SEPARATORS.items() if separator in header[0]), None)
    if len(header) == 1 and other:
        what = f"the header is one column; it seems separated by {other}, but the lines below do not have equally many"
        raise DataError(
            Problem(where, what, "texts that hold the separator must be quoted; or save the table with tabs, as .tsv")
        )


def _wrong_widths(name: str, header: list[str], body: Rows) -> Iterator[Problem]:
    for line, row in body:
        if len(row) != len(header) and _filled(row):
            yield Problem(
                f"{name}:{line}", f"has {len(row)} field{'s' * (len(row) != 1)}, the header has {len(header)}"
            )


def _filled(row: list[str]) -> bool:
    return any(cell.strip() for cell in row)


def _line(problem: Problem) -> int:
    return int(problem.where.rpartition(":")[2])
