"""Plain text: one text a line."""

from pathlib import Path

from lowres.data.formats.file_text import decode, lines, read_bytes
from lowres.data.formats.recognising import markup_format
from lowres.data.formats.tables import Table, make_table
from lowres.errors import DataError, Finding, Problem

_TABLE_LINES = 3  # from which on equally many tabs in all lines look like a table


def read_text(path: Path, name: str) -> Table:
    """Read one text a line into the column `text`. Raises DataError for marked-up text, with what to do."""
    raw = read_bytes(path, name)
    text = decode(raw.data, name)
    if markup := markup_format(text):
        raise DataError(Problem(name, f"is {markup.name}, not plain text with one text on each line", markup.remedy))
    found = lines(text)
    tabs = {line.count("\t") for line in found if line.strip()}
    findings = []
    if len(found) >= _TABLE_LINES and len(tabs) == 1 and tabs != {0}:
        what = f"every line has {tabs.pop()} tab(s), as a table has; if it is one, name it .tsv, its first line naming the columns"
        findings = [Finding("warning", what, name)]
    return make_table(name, raw.sha256, ["text"], [(line, [text]) for line, text in enumerate(found, 1)], findings)
