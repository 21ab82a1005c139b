"""Plain text: one text a line."""

from collections.abc import Sequence
from pathlib import Path

import regex

from lowres.data.formats.file_text import decode, lines, read_bytes
from lowres.data.formats.recognising import markup_format
from lowres.data.formats.tables import Table, make_table
from lowres.errors import DataError, Finding, Problem

_TABLE_LINES = 3  # from which on equally many tabs in all lines look like a table
_MARKED_LINES = 10  # from which on it tells something that nearly all lines are marked alike
_MARKED_SHARE = 0.9
# What stands in nearly every line without being part of a text: the pattern of a line, and what it is called.
_MARKS: Sequence[tuple["regex.Pattern[str]", str]] = tuple(
    (regex.compile(pattern), what)
    for pattern, what in (
        (r"[\[(<]?(?:\d+:)?\d{1,2}:\d\d(?:[.,]\d+)?[\])>]?\s", "begins with a time"),
        (r"(?:[1-4] ?)?\p{L}[\p{L}\p{M}.]+ \d+[:.]\d+\b", "begins with a reference to a verse"),
        (r"[\[(]?\p{Nd}+(?:[.:]\p{Nd}+)*[\])]?[.:]?\s", "begins with a number"),
        (r"- [\w.]+: ", "begins with a key of YAML"),
        (r"[\w.-]*[A-Za-z][\w.-]* ?=(?!=)", "begins with a key and “=”"),
        (r"(?:\S+[/_][A-Z][A-Z0-9.$:+-]*(?:\s+|$)){2,}$", "has a tag behind each word"),
        (r"\^[^\s/]+/[^\s]*\$", "has an analysis behind each word"),
    )
)


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
    if marks := _marks(found):
        findings.append(Finding("warning", f"nearly every line {marks}: take it out, unless it is to be learned", name))
    return make_table(name, raw.sha256, ["text"], [(line, [text]) for line, text in enumerate(found, 1)], findings)


def _marks(found: Sequence[str]) -> str:
    """What stands in nearly every line beside the text; empty where the lines have nothing in common."""
    filled = [line.strip() for line in found if line.strip()]
    sample = filled[:: max(1, len(filled) // 1000)]
    if len(sample) < _MARKED_LINES:
        return ""
    return next(
        (
            what
            for pattern, what in _MARKS
            if sum(pattern.match(line) is not None for line in sample) >= _MARKED_SHARE * len(sample)
        ),
        "",
    )
