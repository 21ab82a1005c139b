"""Tables with one row a line: columns separated by tabs, commas, semicolons or bars, under a header."""

import csv
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

from lowres.data.formats.file_text import decode, lines, read_bytes
from lowres.data.formats.quoting import Layout, Quotes, Rows, common_width, layout, quoted_rows
from lowres.data.formats.recognising import xml_format
from lowres.data.formats.tables import MAX_TITLES, Table, capped, check_columns, make_table
from lowres.errors import DataError, Finding, Problem

INDEX = "index"  # name given to a first column without one: pandas and R write row numbers so
SEPARATORS: Mapping[str, str] = {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "vertical bars"}
_REMEDIES: Mapping[str, str] = {
    separator: f"texts that hold {name} must stand in quotation marks" for separator, name in SEPARATORS.items()
}
QUOTED = frozenset(",;")  # separators of files that are always quoted where they need it: CSV
SAMPLE_LINES = 200  # from which the separator is found
MOST_FIT = 0.9  # share of lines that must have equally many fields for a separator to be one
_RULE = re.compile(r":?-{3,}:?")
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
    return table_of_rows(name, raw.sha256, found, other, separator)


def _separator(text: str, expected: str) -> str:
    """The separator that the file's ending says, unless only another one gives lines of equally many fields.

    Where several do, one that parts the header alike is better: in “text;score” over “ja;0,5” the comma is within a number.
    """
    start = "\n".join(islice((line for line in text[: SAMPLE_LINES * 1000].split("\n") if line.strip()), SAMPLE_LINES))
    rows = {separator: _sample(start, separator) for separator in SEPARATORS}
    fitting = [separator for separator, some in rows.items() if _fits(some)]
    starts = {separator: _first_whole(rows[separator]) for separator in fitting}
    best = [separator for separator in fitting if starts[separator] == min(starts.values())]
    return expected if expected in best or not best else best[0]


def _first_whole(rows: Rows) -> int:
    """Which row is the first with as many fields as most have: the header, if no title stands above it."""
    width = common_width(rows)
    return next(number for number, (_, row) in enumerate(rows) if len(row) == width)


def _sample(start: str, separator: str) -> Rows:
    if separator in QUOTED:
        try:
            return list(enumerate(csv.reader(start.split("\n"), delimiter=separator)))
        except csv.Error:
            return []
    return [(number, line.split(separator)) for number, line in enumerate(lines(start))]


def _fits(rows: Rows) -> bool:
    width = common_width(rows)
    return width > 1 and sum(len(row) == width for _, row in rows) >= MOST_FIT * len(rows)


def table_of_rows(name: str, sha256: str, found: Layout, findings: list[Finding], separator: str = "\t") -> Table:
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
    body = [(number, _as_wide_as(header, row)) for number, row in rows[2 if _is_rule(rows[1:2]) else 1 :]]
    header, body = _named(header, body)
    if rows:
        check_columns(name, header, line)
        _refuse_other_separator(f"{name}:{line}", header)
    problems = sorted([*found.problems, *_wrong_widths(name, separator, line, header, body)], key=_line)
    if problems:
        raise DataError(*capped(problems))
    blank = [""] * len(header)
    return make_table(
        name, sha256, header, [(number, row if _filled(row) else blank) for number, row in body], findings
    )


def _titles(rows: Rows) -> int:
    """How many lines above the header are titles or blank: a title is alone in its row, where the rows below have several fields."""
    count, width = 0, common_width(rows)
    while count < min(MAX_TITLES, len(rows) - 2) and (
        not _filled(rows[count][1]) or _is_title(rows[count][1], width, alone=not _filled(rows[count + 1][1]))
    ):
        count += 1
    return count if sum(bool(cell.strip()) for cell in rows[count][1]) > 1 else 0


def _is_title(row: list[str], width: int, alone: bool) -> bool:
    """Whether a row is a title of the table; `alone`: a blank line follows it."""
    if len(row) == 1:  # one word above two columns is their header: R leaves out the name of the first
        return width > 2 or (width > 1 and (len(row[0].split()) > 1 or alone))
    return len(row) > 2 and bool(row[0].strip()) and not _filled(row[1:])


def _is_rule(rows: Rows) -> bool:
    """Whether a row is the rule below the header of a table in Markdown: |---|:---:|."""
    cells = [cell.strip() for _, row in rows for cell in row if cell.strip()]
    return bool(cells) and all(_RULE.fullmatch(cell) for cell in cells)


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


def _wrong_widths(name: str, separator: str, at: int, header: list[str], body: Rows) -> Iterator[Problem]:
    """The rows that have other fields than the header, which stands in line `at`; where these are most, the header is wrong."""
    wrong = [(line, row) for line, row in body if len(row) != len(header) and _filled(row)]
    usual = common_width(body)
    same = sum(len(row) == usual for _, row in wrong)
    if 2 * same > sum(_filled(row) for _, row in body):
        what = f"the header has {_fields(len(header))}, but {same:,} of {len(body):,} rows have {usual}"
        yield Problem(f"{name}:{at}", what, f"does this line name the columns? {_REMEDIES[separator]}")
        return
    hints = iter((_REMEDIES[separator],))  # once is enough
    for line, row in wrong:
        hint = next(hints, "") if len(row) > len(header) else ""
        if "\r" in "".join(row):
            hint = "it holds carriage returns, the line ends of old Macs: save it with one kind of line ends"
        yield Problem(f"{name}:{line}", f"has {_fields(len(row))}, the header has {len(header)}", hint)


def _fields(count: int) -> str:
    return f"{count} field{'s' * (count != 1)}"


def _filled(row: list[str]) -> bool:
    return any(cell.strip() for cell in row)


def _line(problem: Problem) -> int:
    return int(problem.where.rpartition(":")[2])
