"""Spreadsheets: Excel's .xlsx and .xls, and .ods of LibreOffice, read with python-calamine."""

import io
from pathlib import Path
from typing import Any

from lowres.data.formats.delimited import table_of_rows
from lowres.data.formats.file_text import read_bytes
from lowres.data.formats.quoting import Layout
from lowres.data.formats.tables import Table
from lowres.errors import DataError, Finding, Problem

INSTALL = 'pip install "lowres[formats]", or save it as CSV in UTF-8'


def read_spreadsheet(path: Path, name: str) -> Table:
    """The first sheet that holds anything, its first row naming the columns; the line of a row is its number in the sheet."""
    try:
        import python_calamine
    except ImportError:
        raise DataError(Problem(name, "is a spreadsheet, which needs the package python-calamine", INSTALL)) from None
    raw = read_bytes(path, name)
    try:
        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(raw.data))
        sheets = {title: book.get_sheet_by_name(title).to_python(skip_empty_area=False) for title in book.sheet_names}
    except python_calamine.CalamineError as error:
        hint = (
            "it is protected; save a copy without a password" if "assword" in str(error) else "save it as CSV in UTF-8"
        )
        raise DataError(Problem(name, "is not a spreadsheet that can be read", hint)) from None
    filled = {title: rows for title, rows in sheets.items() if any(any(map(_text, row)) for row in rows)}
    if not filled:
        raise DataError(Problem(name, "is empty", "the first row names the columns"))
    title, rows = next(iter(filled.items()))
    others = [other for other in filled if other != title]
    said = f"the sheet “{title}” is read, not {', '.join(f'“{other}”' for other in others)}"
    findings = [Finding("note", said, name)] if others else []
    texts = [(number, [_text(cell) for cell in row]) for number, row in enumerate(rows, 1)]
    return table_of_rows(name, raw.sha256, Layout(texts, (), ()), findings)


def _text(cell: Any) -> str:
    """A cell as it is seen: whole numbers without a decimal point."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)
