"""Rows of a table in text, as they stand or quoted as in RFC 4180, and the decision which of the two a file means."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from lowres.data.formats.file_text import lines
from lowres.data.formats.tables import MAX_PROBLEMS
from lowres.errors import DataError, Finding, Problem

Quotes = Literal["auto", "yes", "no"]
Rows = list[tuple[int, list[str]]]  # line on which a row begins, its fields
MAX_FIELD = 1 << 26  # characters of a quoted field
_HINTS = {
    "expected after": "quotation marks inside a quoted text are doubled",
    "unexpected end of data": "a quotation mark is opened here and never closed",
    "new-line character": "a carriage return stands outside quotation marks",
}
_KEY = "in the recipe's data section"


@dataclass(frozen=True)
class Layout:
    """The rows of a file, those that cannot be read, and what is worth saying about the choice."""

    rows: Rows
    problems: tuple[Problem, ...] = ()
    findings: tuple[Finding, ...] = ()


def literal_rows(text: str, separator: str) -> Rows:
    """One row a line; a quotation mark is a character like any other."""
    return [(number, line.split(separator)) for number, line in enumerate(lines(text), 1)]


def quoted_rows(text: str, separator: str, name: str) -> Layout:
    """Rows quoted as in RFC 4180, which may take several lines; every faulty one becomes a Problem.

    A quotation mark may stand behind a separator and a space, where this makes no line faulty.
    """
    if f'{separator} "' in text:
        spaced = _quoted_rows(text, separator, name, skips_spaces=True)
        if not spaced.problems:
            return spaced
    return _quoted_rows(text, separator, name)


def _quoted_rows(text: str, separator: str, name: str, skips_spaces: bool = False) -> Layout:
    csv.field_size_limit(MAX_FIELD)  # of the whole process; the default is shorter than a chapter
    # only \n ends a line, and line ends are kept: csv then preserves those inside quotes
    chunks, done = list(_with_ends(text)), 0
    rows: Rows = []
    problems: list[Problem] = []
    while done < len(chunks) and len(problems) <= MAX_PROBLEMS:
        reader = csv.reader(islice(chunks, done, None), delimiter=separator, strict=True, skipinitialspace=skips_spaces)
        line = done + 1
        try:
            for row in reader:
                rows.append((line, row or [""]))
                line = done + reader.line_num + 1
            break
        except csv.Error as error:
            hint = next((hint for words, hint in _HINTS.items() if words in str(error)), "")
            problems.append(Problem(f"{name}:{line}", f"is not CSV: {error}", hint))
            # a quotation that is never closed swallows all the rest: only its first line is given up
            done = line if "end of data" in str(error) else done + reader.line_num
    return Layout(rows, tuple(problems))


def layout(text: str, separator: str, name: str, quotes: Quotes) -> Layout:
    """The rows as `quotes` says; with “auto”, quoted if the file is consistent under quoting and cannot mean anything else.

    That is: every field that begins with a quotation mark also ends with one and has those inside doubled, and at least
    one holds a doubled one, the separator or a line end, or the header is quoted as well. All else is taken as it
    stands, and so is a file in which more fields hold quotation marks inside without being quoted. Raises DataError where
    half of the broken lines or more would be whole under quoting, but not all.
    """
    if quotes == "yes":
        return quoted_rows(text, separator, name)
    rows = literal_rows(text, separator)
    if quotes == "no" or '"' not in text:
        return Layout(rows)
    width = common_width(rows)
    broken = sum(len(row) != width and any(row) for _, row in rows)
    begun = [field for _, row in rows for field in row if field.startswith('"')]
    whole = [field for field in begun if _is_quoted(field)]
    if broken:
        quoted = quoted_rows(text, separator, name)
        left = len(quoted.problems) + sum(len(row) != common_width(quoted.rows) and any(row) for _, row in quoted.rows)
        telling = sum(separator in field or "\n" in field for _, row in quoted.rows for field in row)
        if telling and not left:
            return Layout(quoted.rows, findings=(_taken_as_quoted(name, telling),))
        if telling and 2 * left <= broken:
            raise DataError(*_nearly_quoted(name, broken, left, quoted))
    elif len(whole) == len(begun) and begun:
        # who quotes fields with quotation marks quotes all of them: bare ones inside other fields speak against it
        bare = sum('"' in field and not field.startswith('"') for _, row in rows for field in row)
        telling = sum('""' in field[1:-1] for field in whole)
        header = next((row for _, row in rows if any(row)), [])
        if telling > bare or all(_is_quoted(field) for field in header):
            return Layout(quoted_rows(text, separator, name).rows, findings=(_taken_as_quoted(name, telling),))
    return Layout(rows, findings=(_taken_as_it_stands(name, len(whole)),) if whole else ())


def common_width(rows: Sequence[tuple[int, Sequence[str]]]) -> int:
    """The number of fields that most rows have; of equally common ones the first met."""
    counts: dict[int, int] = {}
    for _, row in rows:
        if any(row):
            counts[len(row)] = counts.get(len(row), 0) + 1
    return max(counts, key=lambda width: counts[width], default=0)


def _is_quoted(field: str) -> bool:
    return len(field) > 1 and field[0] == field[-1] == '"' and '"' not in field[1:-1].replace('""', "")


def _taken_as_quoted(name: str, telling: int) -> Finding:
    fields = f"{telling:,} field{'s' * (telling > 1)} with doubled quotation marks, tabs or line ends"
    reason = f"it holds {fields}" if telling else "its header is quoted as well"
    return Finding(
        "note", f"the file is read as quoted, since {reason}; “quotes: no” {_KEY} takes it as it stands", name
    )


def _taken_as_it_stands(name: str, count: int) -> Finding:
    fields = "1 field stands" if count == 1 else f"{count:,} fields stand"
    return Finding(
        "note",
        f"{fields} in quotation marks, which are read as part of the text; “quotes: yes” {_KEY} takes them off",
        name,
    )


def _nearly_quoted(name: str, broken: int, left: int, quoted: Layout) -> Iterator[Problem]:
    what = f"{broken:,} lines do not have the header's fields as they stand; read as quoted, all but {left:,} would"
    yield Problem(name, what, f"mend these, or say “quotes: yes” {_KEY}" if not quoted.problems else "mend these first")
    yield from quoted.problems[:MAX_PROBLEMS]
    width = common_width(quoted.rows)
    for line, row in quoted.rows:
        if len(row) != width and any(row):
            yield Problem(f"{name}:{line}", f"has {len(row)} field{'s' * (len(row) != 1)}, the others have {width}")


def _with_ends(text: str) -> Iterator[str]:
    start = 0
    while start < len(text):
        end = text.find("\n", start) + 1 or len(text)
        yield text[start:end]
        start = end
