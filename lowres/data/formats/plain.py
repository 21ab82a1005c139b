"""Plain text: one text a line, alone or aligned line by line with its translations."""

from collections.abc import Mapping
from hashlib import sha256
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


def read_aligned(files: Mapping[str, tuple[Path, str]]) -> Table:
    """Read texts that are aligned line by line: column → (file, its name).

    A row that is blank in one file is left out of all and counted, so that nothing shifts. Raises DataError if the
    files do not have the same number of lines.
    """
    raws = {column: read_bytes(path, name) for column, (path, name) in files.items()}
    texts = {column: lines(decode(raws[column].data, name)) for column, (_, name) in files.items()}
    name = " + ".join(name for _, name in files.values())
    counts = {files[column][1]: len(column_lines) for column, column_lines in texts.items()}
    if len(set(counts.values())) > 1:
        found = ", ".join(f"{file} has {count}" for file, count in counts.items())
        raise DataError(Problem("", f"files that belong together line by line differ in length: {found}"))
    rows = [
        (line, list(row) if all(text.strip() for text in row) else [""] * len(row))
        for line, row in enumerate(zip(*texts.values(), strict=True), 1)
    ]
    joined = sha256(b"".join(bytes.fromhex(raw.sha256) for raw in raws.values())).hexdigest()
    return make_table(name, joined, list(texts), rows)
