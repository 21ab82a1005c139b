"""Tables with one row a line: TSV without quoting, CSV with."""

import csv
from collections.abc import Iterator
from pathlib import Path

from lowres.data.formats.tables import Table, capped, check_columns, decode, lines, make_table, read_bytes
from lowres.errors import DataError, Problem

INDEX = "index"  # name given to a first column without one: pandas and R write row numbers so


def read_tsv(path: Path, name: str) -> Table:
    """Tab-separated columns under a header row. A quotation mark is a quotation mark: nothing is quoted."""
    raw = read_bytes(path, name)
    rows = [line.split("\t") for line in lines(decode(raw, name))]
    return _table(name, raw, list(enumerate(rows, 1)), "tabs")


def read_csv(path: Path, name: str) -> Table:
    """Comma-separated columns under a header row, quoted as in RFC 4180. A row may take several lines."""
    raw = read_bytes(path, name)
    return _table(name, raw, list(_csv_rows(decode(raw, name), name)), "commas")


def _csv_rows(text: str, name: str) -> Iterator[tuple[int, list[str]]]:
    # only \n ends a line, and line ends are kept: csv then preserves those inside quotes
    reader = csv.reader(_with_ends(text), strict=True)
    line = 1
    try:
        for row in reader:
            yield line, row or [""]
            line = reader.line_num + 1
    except csv.Error as error:
        hint = next((hint for words, hint in _CSV_HINTS.items() if words in str(error)), "")
        raise DataError(Problem(f"{name}:{line}", f"is not CSV: {error}", hint)) from None


_CSV_HINTS = {
    "expected after": "quotation marks inside a quoted text are doubled",
    "unexpected end of data": "a quotation mark is opened here and never closed",
    "new-line character": "a carriage return stands outside quotation marks",
    "field larger": "is a quotation mark opened and never closed?",
}


def _with_ends(text: str) -> Iterator[str]:
    start = 0
    while start < len(text):
        end = text.find("\n", start) + 1 or len(text)
        yield text[start:end]
        start = end


def _table(name: str, raw: bytes, rows: list[tuple[int, list[str]]], separators: str) -> Table:
    if not rows:
        raise DataError(Problem(name, "is empty", "the first row names the columns"))
    header = rows[0][1]
    if len(header) > 1 and not header[0] and INDEX not in header:
        header = [INDEX, *header[1:]]
    check_columns(name, header)
    if len(header) == 1:
        other = next((sign for sign in ("\t", ";", ",") if sign in header[0]), None)
        if other:
            sign = {"\t": "tabs", ";": "semicolons", ",": "commas"}[other]
            hint = {"tabs": "name it .tsv", "commas": "name it .csv"}.get(sign, "save it with tabs, as .tsv")
            raise DataError(
                Problem(f"{name}:1", f"the header is one column; it seems separated by {sign}, not {separators}", hint)
            )
    problems = [
        Problem(f"{name}:{line}", f"has {len(row)} field{'s' * (len(row) != 1)}, the header has {len(header)}")
        for line, row in rows[1:]
        if len(row) != len(header) and any(row)
    ]
    if problems:
        raise DataError(*capped(problems))
    blank = [""] * len(header)
    return make_table(name, raw, header, [(line, row if any(row) else blank) for line, row in rows[1:]])
